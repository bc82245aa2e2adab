"""Texts: ids of characters, a text file and the split into a training part and a held-out end, and n-gram entropy."""
