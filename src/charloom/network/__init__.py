"""The mathematics, written to be read: the network with its loss and gradients, the recipe of a training, and the
optimisers. It uses only NumPy.

No code here may write a file, read a clock or compile. The kernel computes the same equations fast; `checking` compares
the gradients of both with numerical gradients.
"""
