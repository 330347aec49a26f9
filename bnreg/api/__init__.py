"""What the command line and Python programs both call, such as ``bnreg.train``, and the training that they watch."""
