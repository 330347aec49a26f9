"""Measurements of a network besides loss and accuracy."""
