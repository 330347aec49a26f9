"""A comparison as a reader sees it: tables, records, and the notes below them."""
