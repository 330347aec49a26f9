"""A comparison as its reader sees it: tables, records, and the notes below them."""
