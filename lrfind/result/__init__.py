"""The record of one sweep, with its analysis, files, figures and summary."""
