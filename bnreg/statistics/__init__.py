"""Paired differences, their intervals and tests: arrays and frames in, numbers and frames out."""
