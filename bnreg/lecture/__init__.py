"""The lecture's drawings that need no run: saturation of activations, polynomials that under- and overfit."""
