"""The gradient check: it compares the gradients of the kernel (the compiled code) and of network/rnn.py with numerical
gradients.

Training starts only if the check passes. The check changes no result of training.
"""
