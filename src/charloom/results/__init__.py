"""What a training leaves behind: a record for each of our JSON files, the hash of its results, the log of its points
that MLflow is fed from, the code and the machine that made it.

Nothing is computed here that a result depends on.
"""
