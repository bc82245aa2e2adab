"""A trained network: the file of a model, and the cost of a text under a model.

The package `sampling` writes text with a model; kernel/drawing.py draws one character.
"""
