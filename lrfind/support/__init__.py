"""Shared helpers that are not specific to learning rates."""
