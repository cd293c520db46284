"""Saves the training state and restores it bit for bit."""
