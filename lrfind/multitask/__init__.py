"""Multi-task losses: combining them, and the learning rates of the single tasks."""
