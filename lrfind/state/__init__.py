"""Keeps the state of a training and puts it back, bit for bit."""
