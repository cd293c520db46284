"""All that touches a live model: the sweep, the training step, and putting everything back."""
