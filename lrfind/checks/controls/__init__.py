"""How much of a sweep is time or data, told by runs on the same batches."""
