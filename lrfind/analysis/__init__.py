"""What the losses of one sweep say: curves, minima, shifts and suggestions, without torch."""
