"""A run as a value: its three readers, its keys and names, the tables of studies, and the provenance of the code.

No stage that computes a result imports this package.
"""
