"""Control runs on a sweep's batches: how much of its curve is training time or data."""
