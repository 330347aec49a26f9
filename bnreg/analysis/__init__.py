"""Questions about runs, answered as data. Formatting is the report's work."""
