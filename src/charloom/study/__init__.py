"""Studies: train several settings with several seeds, and compare the settings, with the statistics of seedpairs.

A *trial* is one training of a setting with a seed, and a *row* of the table trials.csv holds its results. The results
depend only on the trial's params, its text and the arithmetic, and the row's *key* identifies all three. *Workers*,
which are processes of this machine or of a Dask cluster, run the trials. A *look* is a number of seeds at which the
study gives an answer. *Sources* are the files of source code in src. The file asked.json, beside trials.csv, has the
question, the params and the text of the study's first start.
"""
