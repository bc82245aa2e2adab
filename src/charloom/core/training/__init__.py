"""Training: the loop over a text, the trace (the losses and statistics in the results), the result files, and the
resume state, from which a stopped training continues (resume.py). This state is in .charloom/train, not in
DVC's outputs.

A row is the loss and the smooth loss of one update, and every thousandth row has statistics too. Row u belongs to the
weights after u updates: see network/state.py.
"""
