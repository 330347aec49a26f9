"""The JSON Schema of a config, for editors and other programs. The models of the strict reader are its source."""
