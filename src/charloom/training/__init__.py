"""Training: the loop over a text, the trace (the rows that the results contain), the result files, and the state from
which a stopped training resumes (resume.py; it is in .charloom/train, outside DVC's outputs).

This package does not use MLflow: the sender reads the training's record, which `results` writes.
"""
