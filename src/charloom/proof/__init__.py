"""Verification by rebuilding: the committed results, rows of a study's table, or a run in MLflow. Results are compared
bit for bit.
"""
