"""Training: the loop over a text, the trace (the rows that its results keep), its result files, and the state from
which a stopped training goes on (resume.py; it lies in .charloom/train, which is no output of DVC's).

MLflow does not belong here: it is fed from the training's record, which `results` has.
"""
