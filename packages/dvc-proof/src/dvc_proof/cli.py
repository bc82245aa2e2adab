"""The command `dvc-proof`: verify a project's results, summarise a branch's changes, and explain a result's history."""

import argparse
import errno
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TextIO

from dvc_proof.blame import blame
from dvc_proof.facts import facts_of
from dvc_proof.git import Refused
from dvc_proof.sections import summary
from dvc_proof.temporary import temporary_folder
from dvc_proof.verify import verify
from dvc_proof.words import in_line


def main() -> None:
    """Run the command in this folder; exit with the command's exit code, or with 2 and a reason if it is impossible."""
    parser = argparse.ArgumentParser(prog="dvc-proof", description="Reproduce the results of a DVC project.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    about = "Rebuild the results of HEAD in a fresh clone, and compare them. This executes the project's commands."
    command = commands.add_parser("verify", help="rebuild the committed results and compare", description=about)
    command.set_defaults(run=verified)
    command.add_argument("--twice", action="store_true", help="run every stage twice, and name what differs")
    command.add_argument("--seconds", metavar="N", type=seconds, help="end fetching, and the stages, after this time")
    command.add_argument("--keep", action="store_true", help="keep the clones, and print their folder")
    command.add_argument("--json", action="store_true", help="print JSON; lines go to standard error")
    about = "Print a branch's changes and their results, in Markdown."
    command = commands.add_parser("summary", help="summarise a branch's changes", description=about)
    command.set_defaults(run=summarised)
    command.add_argument("--base", metavar="REF", required=True, help="branch or commit to compare with: origin/main")
    about = "Print the commits that changed a result, and why. Nothing is run without --prove."
    command = commands.add_parser("blame", help="which commits changed a result, and why", description=about)
    command.set_defaults(run=blamed)
    command.add_argument("result", metavar="FILE[:KEY]", help="an output, or a value in a JSON or CSV file in Git")
    prove = "rebuild the result before and after its last change; this executes the project's commands"
    command.add_argument("--prove", action="store_true", help=prove)
    command.add_argument("--seconds", metavar="N", type=seconds, help="end fetching, and the stages, after this time")
    arguments = parser.parse_args()
    run: Callable[[argparse.Namespace], int] = arguments.run
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115  closed by the caller
    if sys.__stdout__:
        sys.__stdout__.reconfigure(errors="backslashreplace")  # a terminal may lack a character
    try:
        code = run(arguments)
        sys.stdout.flush()
    except (Refused, OSError) as error:
        if isinstance(error, OSError) and error.errno in {errno.EPIPE, errno.ENOSPC}:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python flushes standard output at its end
        sys.stderr.write(f"{in_line(str(error))}\n")
        code = 2
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def seconds(text: str) -> float:
    """Return the number of seconds in the text. Raises ValueError unless the number is between 0 and 10⁹."""
    if not 0 < (number := float(text)) < 1e9:
        raise ValueError
    return number


def summarised(arguments: argparse.Namespace) -> int:
    """Print the summary for the project in this folder, at most as long as a comment on GitHub. Return 0."""
    print(summary(facts_of(arguments.base)))
    return 0


def blamed(arguments: argparse.Namespace) -> int:
    """Print a line for each commit that changed the result.

    With --prove, rebuild the result at the last of these commits and at its parent. Return 1 if a rebuilt result
    differs from the committed one, 2 if a result could not be rebuilt, else 0.
    """
    path, _, key = arguments.result.partition(":")
    changes = list(blame(path, key))
    for change in changes:
        _say(change.line)
    codes, last = [0], changes[0]
    for commit in (last.commit, last.parent) if arguments.prove else ():
        if not (commit and last.stage):
            raise Refused("--prove: cannot rebuild the result: it is from the first commit, or no stage makes it")
        with temporary_folder("dvc-proof-") as place:
            result = verify(place.resolve(), _say, commit, [last.stage], seconds=arguments.seconds)
        for cause in result.causes:
            _say(f"cause  {cause}")
        codes.append(result.code)
        outcome = ("as committed", "unlike the committed results", "not possible")[codes[-1]]
        _say(f"{commit[:10]}: rebuilt: {outcome}")
    return 1 if 1 in codes else max(codes)


def verified(arguments: argparse.Namespace) -> int:
    """Verify HEAD, and print the comparison as lines, or as JSON with --json. Return VerificationReport.code."""
    say = partial(_say, file=sys.stderr) if arguments.json else _say
    with temporary_folder("dvc-proof-") as place:
        result = verify(place.resolve(), say, twice=arguments.twice, seconds=arguments.seconds)
        if arguments.keep:
            say(f"the clones are in {place.rename(place.with_suffix(''))}")
    for cause in result.causes:
        say(f"cause  {cause}")
    if arguments.json:
        files = [row._asdict() | {"verdict": row.result} for row in result.rows]
        content = {"commit": result.commit, "last": result.last, "files": files, "causes": result.causes}
        print(json.dumps(content, indent=2, ensure_ascii=False))
    say(result.last)
    return result.code


def _say(line: object, file: TextIO | None = None) -> None:
    print(in_line(str(line)), file=file, flush=True)  # the commit's author chose its file names
