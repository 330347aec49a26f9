"""The lecture's drawings, as charts and tables."""
