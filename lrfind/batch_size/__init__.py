"""Settings of an optimizer for another batch size."""
