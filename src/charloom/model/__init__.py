"""A trained network: its file, and the cost of a text under it.

`sampling` writes text with a model; kernel/drawing.py draws one character.
"""
