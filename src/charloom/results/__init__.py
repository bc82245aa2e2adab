"""Runs (params, text and results of a training): three readers, keys and names, tables of studies, and provenance.

No stage that computes a result imports this package.
"""
