"""Training: the loop over a text, the trace that is kept of it, its result files, and the state from which a stopped
training goes on. MLflow does not belong here: it is fed from the training's log.
"""
