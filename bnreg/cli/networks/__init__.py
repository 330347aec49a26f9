"""The commands about trained networks."""
