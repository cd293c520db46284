"""Checks of a suggestion, independent of each other."""
