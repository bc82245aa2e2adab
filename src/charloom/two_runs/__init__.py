"""Two runs on one page: how they differ, and in which characters of the held-out text one model costs less.

Both models read the same held-out characters, so the difference of their costs is a sum over characters. The page
shows the shares of this sum beside the spread between seeds of A's setting.
"""
