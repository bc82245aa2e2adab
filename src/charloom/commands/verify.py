"""`charloom verify`: the committed results are rebuilt and compared, or the rows of a study are."""

import argparse
import json
import sys
from pathlib import Path

from charloom.base.errors import CheckFailed, WrongInput
from charloom.base.storage import write_json
from charloom.base.terminal import in_line
from charloom.proof.meaning import MEANINGS
from charloom.proof.quick import UPDATES
from charloom.proof.rows import prove
from charloom.proof.verify import SAME
from charloom.proof.verify import verify as verified
from charloom.results.git import git
from charloom.results.machine import machine
from charloom.study.asking import read_study

ROWS = 3  # of a study


def verify(arguments: argparse.Namespace) -> None:
    """Print what came out, as lines or as JSON, and write the statement that is asked for.

    Raises CheckFailed where something differs: then no statement is written.
    """
    _refuse(arguments)
    if arguments.study is not None:
        prove(read_study(Path(arguments.study)), ROWS)
        return
    out = sys.stderr if arguments.json else sys.stdout

    def say(what: object) -> None:
        print(in_line(str(what)), file=out, flush=True)  # names in it are whoever's who made the commit

    found = verified(say, quick=arguments.quick)
    for cause in found.causes:
        say(f"cause  {cause}")
    for probe in found.arithmetic.probes() if found.last != SAME else ():
        say(probe)
    if arguments.quick:
        say(f"quick: the signature and {UPDATES} updates; `charloom verify` rebuilds everything")
    if found.grade:
        say(f"grade  {found.grade}: {MEANINGS[found.grade]}")
    for table in git("ls-files", "--", "*/trials.csv").splitlines():
        say(f"  --  {table}: no row is made again; `charloom verify --study {Path(table).parent}.yaml` draws {ROWS}")
    if arguments.json:
        content = {
            "commit": found.commit,
            "last": found.last,
            "grade": found.grade,
            "quick": arguments.quick,
            "files": [row._asdict() | {"result": "different" if row.what else SAME} for row in found.rows],
            "causes": found.causes,
            "machine": machine(),
        }
        print(json.dumps(content, indent=2, ensure_ascii=False), flush=True)
    if found.last != SAME:
        raise CheckFailed(in_line(found.last))
    if arguments.statement is not None:
        write_json(Path(arguments.statement), found.statement)
        say(f"made {arguments.statement}")
    say(found.last)


def _refuse(arguments: argparse.Namespace) -> None:
    """Raise WrongInput at options that do not go together, or a file that cannot be."""
    if arguments.study is not None:
        for name in ("quick", "json", "statement"):
            if getattr(arguments, name):
                raise WrongInput(f"--{name}: not beside --study, which makes rows of a study again and no result")
    if arguments.statement is not None:
        if arguments.quick:
            raise WrongInput("--statement: not beside --quick: it says that everything was rebuilt")
        target = Path(arguments.statement)
        if target.is_dir() or not target.parent.is_dir():
            name = in_line(arguments.statement)
            raise WrongInput(f"--statement: {name} is not allowed: a file in a folder that exists")
