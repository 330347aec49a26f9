"""What may be measured of a network besides loss and accuracy."""
