"""The mathematics, written for reading: the network with its loss and gradients, the recipe of a training, and the
optimisers. NumPy only.

No file, clock or compiler belongs here. The kernel computes the same equations fast; `checking` compares the gradients
of both with numerical gradients.
"""
