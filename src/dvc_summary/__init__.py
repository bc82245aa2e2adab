"""What a pull request of a DVC project changes and what came of it, as Markdown on standard output.

    python dvc_summary.py --base origin/main

It runs by itself in any DVC repository, without a network: it needs Git, and the Python that DVC is installed in. It is
about commits, HEAD and where its branch left the base's, not about files that are not committed.

What others wrote (names, values) is shown and never rendered: it stands in HTML blocks, where no Markdown is read,
escaped and inside <code> or <pre>, where GitHub makes no links and tells nobody who is mentioned.
"""
