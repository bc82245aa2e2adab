"""The mathematics, from the equations: the network with its loss and gradients, the recipe of
a training, and the optimisers. NumPy alone, for reading.

No file, clock or compiler belongs here. The kernel computes the same fast; `checking` holds both against numerical
gradients.
"""
