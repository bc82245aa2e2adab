"""The mathematics, written to be read: the network with its loss and gradients, the recipe of a training, and the
optimisers. Besides NumPy it imports only `charloom.core.base`.

No code here may write a file, read a clock or compile. The kernel computes the same equations fast; `checking` compares
the gradients of both with numerical gradients.
"""
