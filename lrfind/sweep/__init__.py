"""Rides along in any training loop: sets the rates, takes the losses, knows when to stop."""
