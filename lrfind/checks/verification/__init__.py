"""Short trainings around a suggested rate."""
