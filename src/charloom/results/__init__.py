"""The results of a training: a typed record for each JSON file, the hash of the results, the log of points that is sent
to MLflow, and the provenance (code and machine).

No result depends on a computation in this package.
"""
