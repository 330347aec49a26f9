"""Other tools that a finished run is sent to, such as TensorBoard; they get it as plain data."""
