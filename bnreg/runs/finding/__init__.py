"""Runs as a list, and their removal."""
