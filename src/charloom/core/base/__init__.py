"""Functions that every package uses and that do not depend on experiments: errors, atomic file writes, CSV tables,
named arrays in a file, locks, progress, signals, escaping for a terminal. This package imports no other of the project.
"""
