"""Norms of every parameter tensor along a sweep: recorded, kept and drawn."""
