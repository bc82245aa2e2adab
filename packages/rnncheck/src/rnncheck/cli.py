"""`charloom grade`: which parts of somebody's program are right, and what is wrong with the others."""

import argparse
import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from charloom.core.base.errors import CheckFailed, WrongInput
from charloom.core.base.processors import processors
from charloom.core.base.progress import progress
from charloom.core.base.storage import write
from charloom.core.base.words import in_line, number_of
from rnncheck.program import JUDGES, MAP, graded, guessed, map_of
from rnncheck.verdicts import UNGRADED, WRONG, Verdict

Results = Mapping[str, list[Verdict]]  # the verdicts on each program, by the name of its file


def grade(arguments: argparse.Namespace) -> None:
    """Grade a program, or with --csv or several files a class, and print the verdicts.

    Raises WrongInput if a file is missing, or if no part of a single program can be graded, and CheckFailed if a part
    of a single program is wrong.
    """
    maps = {guessed(Path(name)) for name in arguments.files}  # `*.py` names them, too
    programs = {name: _map(Path(name), arguments.map) for name in arguments.files if Path(name) not in maps}
    if not arguments.seconds.isdecimal() or not 0 < int(arguments.seconds) <= 3600:
        raise WrongInput(f"--seconds: {in_line(arguments.seconds)} is not allowed; allowed are 1 to 3600")
    names = in_line(next(iter(programs))) if len(programs) == 1 else number_of(len(programs), "program")
    sys.stderr.write(f"grade executes definitions and functions of {names}, within limits, but not in a sandbox\n")
    results: dict[str, list[Verdict]] = {}
    with progress("grade", len(programs), stderr=True) as report, ThreadPoolExecutor(processors()) as pool:
        given = [(Path(name).resolve(), mapped, int(arguments.seconds)) for name, mapped in programs.items()]
        for name, verdicts in zip(programs, pool.map(lambda one: graded(*one), given), strict=True):
            results[name] = verdicts
            report(len(results), "")
    one_program = len(programs) == 1 and arguments.csv is None
    verdicts = next(iter(results.values()))
    nothing = _ungraded(verdicts) if one_program else ""
    if arguments.json:
        print(json.dumps([_content(name, verdicts) for name, verdicts in results.items()], indent=2))
    elif not nothing:
        print("\n".join(map(in_line, _lines(verdicts) if one_program else _class(results))))
    if arguments.csv is not None:  # after the output, which a full disk then does not cost
        write(Path(arguments.csv), _table(results))
    if nothing:
        raise WrongInput(f"{names}: nothing can be graded: {in_line(nothing)}")
    if one_program and (wrong := [verdict.part for verdict in verdicts if verdict.result == WRONG]):
        raise CheckFailed(f"{names}: wrong: {', '.join(wrong)}")


def _map(program: Path, given: str | None) -> Path | None:
    """Return the program's map: the given one, or my_rnn_map.py or map.py beside it, or None.

    Raises WrongInput if a file is missing.
    """
    for file in (program, *([Path(given)] if given is not None else [])):
        if not file.is_file() or file.suffix not in {".py", ".ipynb"}:
            raise WrongInput(f"{in_line(str(file))}: no such program; allowed are files that end with .py or .ipynb")
    if given is None:
        return map_of(program)
    return Path(given).resolve() if Path(given).resolve() != program.resolve() else None


def _lines(verdicts: list[Verdict]) -> list[str]:
    """Return a line for each part, then findings and notes."""
    lines = [f"{v.part:<9}  {v.result}" + (f": {v.about}" if v.about else "") for v in verdicts]
    return lines + [f"{v.part}: {text}" for v in verdicts for text in (*v.findings, *v.notes)]


def _ungraded(verdicts: list[Verdict]) -> str:
    """Return why no part of the program is graded, "" if a part is."""
    if any(v.result != UNGRADED for v in verdicts):
        return ""
    if len({v.about for v in verdicts}) == 1 and verdicts[0].about != "not defined":
        return verdicts[0].about
    reasons = [f"{v.part}: {v.about}" for v in verdicts if not v.about.startswith("not defined")]
    nothing = f"neither the program nor {MAP} beside it defines {', '.join(JUDGES)}, and no map could be guessed: "
    nothing += "the layout is unknown, or loss or last state are wrong; see docs/grading.md"
    return "; ".join(reasons) or nothing


def _class(results: Results) -> list[str]:
    """Return a line for each program, then one for each fault that several programs have."""
    width, counts = max(map(len, results)), Counter[str]()
    for verdicts in results.values():
        counts.update({f"{v.part}: {says}" for v in verdicts for f in v.findings if f.named for says in f.sentences})
    lines = []
    for name, verdicts in results.items():
        parts = ", ".join(f"{v.part} {v.result}" for v in verdicts)
        lines.append(f"{name:<{width}}  " + (f"not graded: {reason}" if (reason := _ungraded(verdicts)) else parts))
    return lines + [f"{count} programs: {text}" for text, count in counts.most_common() if count > 1]


def _content(name: str, verdicts: list[Verdict]) -> dict[str, object]:
    """Return the verdicts on a program for --json."""
    found = [[f._asdict() | {"text": str(f)} for f in verdict.findings] for verdict in verdicts]
    parts = [verdict._asdict() | {"findings": f} for verdict, f in zip(verdicts, found, strict=True)]
    return {"file": name, "parts": parts}


def _table(results: Results) -> str:
    """Return the table of --csv: a row for each program, with a column for each part, and one for findings."""
    table = csv.writer(out := io.StringIO(), lineterminator="\n")
    table.writerow(["file", *JUDGES, "findings"])
    for name, verdicts in results.items():
        found = [f"{v.part}: {finding}" for v in verdicts for finding in v.findings]
        ungraded = [v for v in verdicts if v.result == UNGRADED and v.about != "not defined"]
        found += [reason] if (reason := _ungraded(verdicts)) else [f"{v.part}: {v.about}" for v in ungraded]
        table.writerow([name, *(verdict.result for verdict in verdicts), "  ".join(found)])
    return out.getvalue()
