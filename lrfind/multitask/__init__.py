"""Several losses as one, and what each of them says."""
