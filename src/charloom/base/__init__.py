"""Functions for every room, without knowledge of experiments: errors, atomic file writes, named arrays in a file,
locks, progress, signals, escaping for a terminal. This room imports no other.
"""
