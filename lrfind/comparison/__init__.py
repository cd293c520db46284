"""The curves of a sweep side by side: their minima, the shifts between them, and why."""
