"""Studies: train several settings with several seeds, and compare the settings.

A trial is a pure function of its params and its text. Engines run trials, on this machine or on a cluster.
The statistics are in src/paired.
"""
