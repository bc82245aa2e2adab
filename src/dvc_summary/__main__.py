"""The command: `python -m dvc_summary --base origin/main`."""

import argparse
import sys

from dvc_summary.facts import facts_of
from dvc_summary.markdown import verdict
from dvc_summary.sections import changed, parted, summary
from groundwork.git import Refused
from groundwork.words import in_line


def main() -> None:
    """Print the summary for the project in this folder, at most as long as a comment on GitHub.

    If the summary is impossible, print the reason on standard error and exit with 2.
    """
    parser = argparse.ArgumentParser(prog="dvc_summary", description="Summarise a branch's changes and their results.")
    parser.add_argument("--base", metavar="REF", required=True, help="branch or commit to compare with: origin/main")
    try:
        facts = facts_of(parser.parse_args().base)
    except Refused as refused:
        sys.stderr.write(f"{in_line(str(refused))}\n")
        sys.exit(2)
    print(summary(facts, verdict(Changed=changed(facts), Results=parted(facts))))


if __name__ == "__main__":
    main()
