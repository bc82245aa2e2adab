"""`charloom verify`: rebuild and compare the committed results, or rows of a study."""

import argparse
import json
import sys
from pathlib import Path

from charloom.core.base.errors import CheckFailed, WrongInput
from charloom.core.base.git import git
from charloom.core.base.storage import write_json
from charloom.core.base.words import in_line
from charloom.core.runtime.provenance import machine
from charloom.proof.explanations import MEANINGS
from charloom.proof.rows import prove
from charloom.proof.verify import verify as verified
from charloom.study.asking import read_study
from dvc_proof.differences import SAME

ROWS = 3  # rows of a study that are rebuilt


def verify(arguments: argparse.Namespace) -> None:
    """Rebuild the committed results and print the comparison as lines; with --study, rebuild rows of a study instead.

    With --json, standard output gets the comparison as JSON, and the lines go to standard error. With --statement, an
    in-toto statement is written too. Raises CheckFailed if a file differs; no statement is written then.
    """
    _refuse(arguments)
    if arguments.study is not None:
        prove(read_study(Path(arguments.study)), ROWS)
        return
    out = sys.stderr if arguments.json else sys.stdout

    def say(what: object) -> None:
        print(in_line(str(what)), file=out, flush=True)  # the commit's author chose its file names

    outcome = verified(say)
    for cause in outcome.causes:
        say(f"cause  {cause}")
    if outcome.agreement:
        say(f"agreement  {outcome.agreement}: {MEANINGS[outcome.agreement]}")
    for table in git("ls-files", "-z", "--", "*/trials.csv").split("\0")[:-1]:
        say(f"  --  {table}: not checked here; `charloom verify --study {Path(table).parent}.yaml` checks {ROWS} rows")
    if arguments.json:
        files = [row._asdict() | {"result": "different" if row.what else SAME} for row in outcome.rows]
        about = {"commit": outcome.commit, "last": outcome.last, "agreement": outcome.agreement}
        content = about | {"files": files, "causes": outcome.causes, "machine": machine()}
        print(json.dumps(content, indent=2, ensure_ascii=False), flush=True)
    if outcome.last != SAME and not outcome.agrees:
        raise CheckFailed(in_line(outcome.last))
    if arguments.statement is not None and outcome.agrees:
        raise CheckFailed("--statement: states equal bits only; the results agree, but their bits differ")
    if arguments.statement is not None:
        write_json(Path(arguments.statement), outcome.statement)
        say(f"made {arguments.statement}")
    say(outcome.last)


def _refuse(arguments: argparse.Namespace) -> None:
    """Raise WrongInput if options exclude each other, or --statement is a folder or a file in a missing folder."""
    if arguments.study is not None:
        for name in ("json", "statement"):
            if getattr(arguments, name):
                raise WrongInput(f"--{name}: cannot be combined with --study, which rebuilds only rows of a study")
    if arguments.statement is not None:
        target = Path(arguments.statement)
        if target.is_dir() or not target.parent.is_dir():
            name = in_line(arguments.statement)
            raise WrongInput(f"--statement: {name} is not allowed; allowed is a file in a folder that exists")
