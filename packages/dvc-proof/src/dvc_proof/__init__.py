"""Reproduce the results of a DVC project, and explain changes: `dvc-proof verify`, `dvc-proof summary`.

The commands work in any DVC repository. They need Git and the Python in which DVC is installed.

`verify` clones HEAD into a temporary folder, without outputs, caches and history, runs every stage there, and compares
two dvc.lock files and the outputs in Git. It executes the commands of the repository's stages as your user: verify what
you do not trust in a container. Data that `dvc add` or `dvc import` tracks is fetched from the cache or a remote, and
is not rebuilt. Exit codes: 0 if nothing differs, 1 if something differs or a stage fails, 2 if verification is
impossible.

`summary` compares two commits, HEAD and its merge base with the given branch, without a network; uncommitted files are
not compared. Names and values from the repository are untrusted. The summary shows them escaped, inside <code> or <pre>
in HTML blocks, where GitHub parses no Markdown, makes no links and notifies nobody. The merge base is called *base* or
*before*, HEAD is called *head* or *after*.
"""
