"""Analysis of the losses of one sweep: curves, minima, suggestions. Needs no torch."""
