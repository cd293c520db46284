"""The record of one sweep: its fields, its file, its pictures, its sentences."""
