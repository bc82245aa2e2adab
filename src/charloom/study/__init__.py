"""Studies: trainings of several settings over several seeds, and what they say about the settings.

A trial is a function of its params and its text. Engines call it, on this machine or on many.
The statistics are in src/paired.
"""
