"""Pure functions of arrays: what a recorded sweep says. No torch, no matplotlib."""
