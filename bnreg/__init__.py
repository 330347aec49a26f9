"""Paired experiments on MNIST: did it help, by how much, and how sure can we be?"""

__version__ = "0.4.0"
