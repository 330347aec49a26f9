"""A question about runs, and its answer as data. Nothing here is formatted: that is the report's work."""
