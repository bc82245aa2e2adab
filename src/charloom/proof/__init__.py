"""Verification by rebuilding: the committed results, rows of a study's table, or a run in MLflow. Results are compared
bit for bit. The package also summarises the changes of a pull request.
"""
