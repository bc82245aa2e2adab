"""Texts: characters and their ids, a text file with its held-out end, and the entropy of n-grams."""
