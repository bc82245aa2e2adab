"""The results of a training: a typed record for each JSON file, the hash of the results, the spool of points for
MLflow, the tables of studies, and the provenance (code and machine).

No result depends on a computation in this package.
"""
