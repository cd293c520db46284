"""Norms of every parameter tensor during a sweep: recording, record and figures."""
