"""What a reader sees: charts, and tables for the terminal and the README. Nothing here computes beyond formatting."""
