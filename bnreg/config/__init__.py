"""What a user asks for: experiments as YAML, read strictly and resolved into cells. Knows nothing of torch."""
