"""What every room may use and what knows no experiment: errors, files written whole or not at all, named arrays in a
file, locks, progress, signals, text made safe for a terminal. It imports no other room.
"""
