"""Two runs on one page: how they differ, and in which characters of the held-out text one model costs less.

Both models read the same held-out characters, so the difference of their costs is a sum over characters. The page
compares the shares of this sum with the spread between trainings of A's setting with different seeds.
"""
