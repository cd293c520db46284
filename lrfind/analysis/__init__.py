"""Analysis of the losses of one sweep: curves, minima, shifts, suggestions. Needs no torch."""
