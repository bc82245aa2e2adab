"""Modules that charloom, paired and dvc_summary share: words for messages, YAML 1.2, Git, and the stages of a dvc.lock.

The modules need Git, and the Python in which DVC is installed. They know no charloom.
"""
