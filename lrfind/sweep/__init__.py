"""Records a run in any training loop: sets the rates, takes the losses, stops it."""
