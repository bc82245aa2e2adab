"""Reproduce the results of a DVC project, and explain changes: `dvc-proof verify`, `summary` and `blame`.

The commands work in any DVC repository. They need Git and the Python in which DVC is installed.

`verify` clones HEAD into a temporary folder, without outputs, caches and history, runs every stage that has outputs,
hashes every data file itself, and compares the dvc.lock and the files in Git with the rebuilt ones. It executes the
commands of the repository's stages as your user: verify an untrusted repository in a container. Exit codes: 0 if all is
the same; 1 if something differs; 2 if nothing differs and something could not be verified, or if verification is
impossible.

`summary` compares two commits, HEAD and its merge base with the given branch, without a network; uncommitted files are
not compared. Names and values from the repository are untrusted. The summary shows them escaped, inside <code> or <pre>
in HTML blocks, where GitHub parses no Markdown, makes no links and notifies nobody. The merge base is called *base* or
*before*, HEAD is called *head* or *after*.

`blame` reads the history of dvc.lock.
"""
