"""The commands about the lecture."""
