"""Short training runs around a suggested learning rate."""
