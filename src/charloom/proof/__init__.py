"""Proof: the committed results rebuilt from nothing and compared bit for bit, rows of a study made again by the
pipeline, and what a pull request changes.
"""
