"""A run in training: its folder, its shards, and how far they are."""
