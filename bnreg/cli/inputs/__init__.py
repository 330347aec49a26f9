"""The commands about what a training reads: configs and data."""
