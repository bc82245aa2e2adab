"""A trained network: its file, the cost of a text under it, and the hash of the results that a training wrote.

`sampling` writes text with a model; kernel/drawing.py draws one character.
"""
