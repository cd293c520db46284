"""What doubts a suggestion; no check knows another."""
