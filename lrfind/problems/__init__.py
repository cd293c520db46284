"""What to train, as one record."""
