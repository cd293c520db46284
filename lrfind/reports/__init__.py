"""The interactive page: its figures, its script and its style."""
