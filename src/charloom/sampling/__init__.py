"""Text from a model: the samples of a training and what they are like, a request for text and the numbers it may hold.

A choice (temperature, top_k, top_p) is made here and applied in kernel/drawing.py, where a character is drawn.
"""
