"""What other LR finders recorded, as results of this package."""
