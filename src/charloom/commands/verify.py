"""`charloom verify`: rebuild and compare the committed results."""

import argparse
import json
import sys
from pathlib import Path

from charloom.core.base.errors import CheckFailed, Unavailable
from charloom.core.base.git import git
from charloom.core.base.words import in_line
from charloom.core.runtime.provenance import machine
from charloom.proof.agreement import MEANINGS
from charloom.proof.verify import verify as verified
from dvc_proof.differences import SAME, last_line


def verify(arguments: argparse.Namespace) -> None:
    """Rebuild the committed results and print the comparison as lines.

    With --json, standard output gets the comparison as JSON, and the lines go to standard error. Raises CheckFailed if
    a file differs, and Unavailable if no file differs, but at least one could not be verified.
    """
    out = sys.stderr if arguments.json else sys.stdout

    def say(line: object) -> None:
        print(in_line(str(line)), file=out, flush=True)  # the commit's author chose its file names

    outcome = verified(say)
    for cause in outcome.causes:
        say(f"cause  {cause}")
    if outcome.agreement:
        say(f"agreement  {outcome.agreement}: {MEANINGS[outcome.agreement]}")
    for table in git("ls-files", "-z", "--", "*/trials.csv").split("\0")[:-1]:
        say(f"  --  {table}: not checked here; `charloom study {Path(table).parent}.yaml --prove 3` checks three rows")
    if arguments.json:
        files = [row._asdict() | {"result": row.result} for row in outcome.rows]
        about = {"commit": outcome.commit, "last": outcome.last, "agreement": outcome.agreement}
        content = about | {"files": files, "causes": outcome.causes, "machine": machine()}
        print(json.dumps(content, indent=2, ensure_ascii=False), flush=True)
    if outcome.last != SAME and not outcome.agrees:
        raise (Unavailable if last_line(outcome.rows) == SAME else CheckFailed)(in_line(outcome.last))
    say(outcome.last)
