"""Which of several settings is better, and how sure that is, from a few runs of each: Student's t on pairs of one seed.

It needs NumPy and SciPy and knows nothing of what was run: README.md has an example.
"""
