"""Where shards are trained, and the machine to train on."""
