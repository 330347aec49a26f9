"""A run while it is trained: what it has measured so far, judged."""
