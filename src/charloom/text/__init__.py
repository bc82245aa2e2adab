"""Texts: characters and their ids, a text file with its held-out end, the entropy of n-grams; no network."""
