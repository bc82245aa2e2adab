"""Text from a model: the samples of a training and their quality, and requests for text with their options.

kernel/drawing.py draws the characters, with the temperature, top_k and top_p that are passed here.
"""
