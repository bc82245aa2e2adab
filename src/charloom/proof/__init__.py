"""Verification: rebuild the committed results from nothing and compare them bit for bit, rebuild rows of a study by the
pipeline, rebuild a run in MLflow, and summarise the changes of a pull request.
"""
