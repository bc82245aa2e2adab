"""The mathematics, in readable NumPy: the network with its loss and gradients, the recipe of a training, and the
optimisers. Besides NumPy and the standard library, this package imports only `charloom.core.base`.

No code here may write a file, read a clock or compile. The package `kernel` computes the same equations fast; the
package `checking` compares the gradients of both with numerical gradients.
"""
