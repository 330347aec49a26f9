"""What can be done with trained networks: a run's weights are loaded, folded, exported, asked and looked at."""
