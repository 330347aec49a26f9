"""The story of an experiment: plan, check, begin, train, collect."""
