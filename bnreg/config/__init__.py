"""The user's experiments: YAML, read strictly and resolved into cells. Independent of torch."""
