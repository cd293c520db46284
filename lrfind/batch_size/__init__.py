"""Rescaling of optimizer settings to another batch size."""
