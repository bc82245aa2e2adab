"""`charloom verify`: rebuild and compare the committed results."""

import argparse
from pathlib import Path

from charloom.core.base.errors import CheckFailed, Unavailable
from charloom.core.base.git import git
from charloom.core.base.words import in_line
from charloom.proof.verify import verify as verified
from dvc_proof.differences import SAME, last_line


def verify(arguments: argparse.Namespace) -> None:
    """Rebuild the committed results and print the comparison as lines.

    Raises CheckFailed if a file differs, and Unavailable if no file differs, but at least one could not be verified.
    """
    outcome = verified(_say)
    for cause in outcome.causes:
        _say(f"cause  {cause}")
    for table in git("ls-files", "-z", "--", "*/trials.csv").split("\0")[:-1]:
        _say(f"  --  {table}: not checked here; `charloom study {Path(table).parent}.yaml --prove 3` checks three rows")
    if outcome.last != SAME:
        raise (Unavailable if last_line(outcome.rows) == SAME else CheckFailed)(in_line(outcome.last))
    _say(outcome.last)


def _say(line: object) -> None:
    print(in_line(str(line)), flush=True)  # the commit's author chose its file names
