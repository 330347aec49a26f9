"""The source of a config: from text to a document whose every part knows its place, and the mistakes on the way."""
