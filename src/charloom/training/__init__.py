"""Training: the loop over a text, the trace (the losses and statistics in the results), the result files, and the state
from which a stopped training resumes (resume.py; it is in .charloom/train, outside DVC's outputs).

A row is the loss, the smooth loss and the statistics at one update: row u belongs to the weights after u updates. See
kernel/advance.py. This package does not use MLflow: the sender reads the training's record, which `results` writes.
"""
