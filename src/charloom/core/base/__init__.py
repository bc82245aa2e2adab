"""Functions for every package, without knowledge of experiments: errors, atomic file writes, rows of CSV tables,
named arrays in a file, locks, progress, signals, escaping for a terminal. This package imports no other.
"""
