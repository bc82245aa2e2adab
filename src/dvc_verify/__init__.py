"""Reproduce the results of a DVC project: rebuild HEAD from nothing, and compare every output with the committed one.

    PYTHONPATH=charloom/src python -P -m dvc_verify

The program works in any DVC repository, and needs Git and the Python in which DVC is installed. It clones HEAD into a
temporary folder, without outputs, caches and history, runs every stage there, and compares two dvc.lock files and the
outputs in Git. It executes the commands of the repository's stages as your user: verify what you do not trust in a
container. Data that `dvc add` or `dvc import` tracks is fetched from the cache or a remote, and is not rebuilt.

Exit codes: 0 if nothing differs, 1 if something differs or a stage fails, 2 if verification is impossible.
"""
