"""Summarise the changes of a pull request in a DVC project, and their results, as Markdown on standard output.

    PYTHONPATH=charloom/src python -P -m dvc_summary --base origin/main

The program works in any DVC repository, without a network. With -P, Python imports no code of that repository. The
program needs Git and the Python in which DVC is installed. It compares two commits, HEAD and its merge base with the
given branch; uncommitted files are not compared.

Names and values from the repository are untrusted. The summary shows them escaped, inside <code> or <pre> in HTML
blocks, where GitHub parses no Markdown, makes no links and notifies nobody.

The merge base is called *base* or *before*, HEAD is called *head* or *after*.
"""
