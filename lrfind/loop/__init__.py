"""A training loop of ours, and the range test that runs in it."""
