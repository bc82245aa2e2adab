"""Verification: rebuild the committed results from nothing and compare them bit for bit, rebuild rows of a study by the
pipeline, and summarise the changes of a pull request.
"""
