"""How large the images of a data set, and the number of its classes, may be."""

MAX_SIDE = 1024  # pixels
MAX_CLASSES = 1000
