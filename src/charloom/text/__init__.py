"""Texts: characters and their ids, a text file and its held-out end, what counting n-grams can predict.

No network belongs here.
"""
