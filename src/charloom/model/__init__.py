"""A trained network: its file, and what a text costs it.

How text is drawn from it lives in `sampling`, and one character in kernel/drawing.py.
"""
