"""Functions for every package, without knowledge of experiments: errors, atomic file writes, named arrays in a file,
locks, progress, signals, escaping for a terminal. This package imports no other.
"""
