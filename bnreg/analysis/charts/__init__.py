"""What the charts of runs show, as data."""
