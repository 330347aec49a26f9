"""What a reader sees: tables for the terminal and the README, charts. Nothing here computes beyond formatting."""
