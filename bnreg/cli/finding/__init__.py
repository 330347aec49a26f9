"""The commands that find and keep runs."""
