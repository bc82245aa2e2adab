"""Text from a model: the samples of a training and their quality, requests for text and the options they allow.

kernel/drawing.py draws the characters, with the temperature, top_k and top_p that are passed here.
"""
