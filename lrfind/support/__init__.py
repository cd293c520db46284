"""What every room stands on; it knows nothing of learning rates."""
