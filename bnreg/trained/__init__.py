"""Work with trained networks: load a run's weights, fold and export them, classify images, study modes."""
