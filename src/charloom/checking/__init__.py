"""The gradient check: numerical gradients, and how far the kernel's and the NumPy gradients are from them.

Nothing here changes what is trained; it decides whether training may start.
"""
