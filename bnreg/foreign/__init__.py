"""Results that another tool wrote: from a table to its mistakes, or to samples and the verdicts on them."""
