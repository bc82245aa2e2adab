"""The command: `python -m dvc_summary --base origin/main`."""

import argparse
import sys
from pathlib import Path

from dvc_summary.facts import facts_of, locks_of
from dvc_summary.git import Refused
from dvc_summary.locks import stages_of
from dvc_summary.markdown import in_line, limited, verdict
from dvc_summary.pictures import curves
from dvc_summary.sections import changed, changes, foot, parted, reproduced, results, warnings


def main() -> None:
    """Print the summary for the project in this folder, at most as long as a comment on GitHub.

    If the summary is impossible, print the reason on standard error and exit with 2.
    """
    parser = argparse.ArgumentParser(prog="dvc_summary", description="Summarise a branch's changes and their results.")
    parser.add_argument("--base", metavar="REF", required=True, help="branch or commit to compare with: origin/main")
    parser.add_argument("--rebuilt", metavar="FOLDER", help="a clone of HEAD in which `dvc repro` has run: .")
    given = parser.parse_args()
    try:
        again = stages_of(locks_of("HEAD", Path(given.rebuilt)), given.rebuilt) if given.rebuilt else None
        facts = facts_of(given.base)
    except Refused as refused:
        sys.stderr.write(f"{in_line(str(refused))}\n")
        sys.exit(2)
    rebuilt = reproduced(facts.after, again) if again else ()
    facts = facts._replace(uncommitted=facts.uncommitted and not again)  # rebuilt outputs may differ
    first = verdict(Changed=changed(facts), Results=parted(facts))
    print(limited([first, *warnings(facts), *rebuilt, *changes(facts), *results(facts), *curves(facts), foot(facts)]))


if __name__ == "__main__":
    main()
