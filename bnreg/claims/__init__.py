"""Hypotheses about runs and the verdicts on them."""
