"""Compute the results: network, kernel, text, and the work of the stages, with the params and files that they use.

Every stage depends on this whole folder, so an edit here runs every stage again.
"""
