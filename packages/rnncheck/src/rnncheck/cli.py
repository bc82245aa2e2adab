"""The command `rnncheck`: print cases for a program, judge its answers, or run the check scripts of a class."""

import argparse
import csv
import errno
import io
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rnncheck.checking import PARTS
from rnncheck.files import about_of, answers_report, cases_file
from rnncheck.scripts import script_report
from rnncheck.verdicts import UNCHECKED, Report, Unreadable, Verdict, common

Row = tuple[str, Report]  # the seed of the cases ("" if unknown), and the report on a file


def main() -> None:
    """Run the subcommand that the command line names, and exit.

    Exit code: 0; 1 if a part of a single program is wrong; 2 if nothing can be checked or an option is wrong; 130 after
    an interrupt.
    """
    parser = argparse.ArgumentParser(prog="rnncheck", description="Check the parts of a vanilla RNN.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[..., int], about: str) -> Callable[..., Any]:
        added = commands.add_parser(name, help=about, description=about)
        added.set_defaults(run=run)
        return added.add_argument

    add = command("cases", cases, "Print the calls of all parts as JSON, for a program in any language.")
    add("--seed", default="", metavar="NAME", help="draw other cases: each name has its own")
    add("--sizes", metavar="m,K,T", help="m, K and sequence length, if a program accepts no others")
    add("--matlab", action="store_true", help="print a Matlab function that answers the calls")
    for name, run, about in (
        ("answers", answers, "Judge answers to the calls. No code of a student is executed."),
        ("class", scripts, "Run check scripts, each in a process of its own. This is no sandbox."),
    ):
        add = command(name, run, about)
        add("files", nargs="+", metavar="FILE", help="a file to judge; several files are a class")
        add("--csv", metavar="FILE", help="write a table with a row for each file")
    add("--seconds", default="60", metavar="N", help="limit for a script (default %(default)s)")
    arguments = parser.parse_args()
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115  closed by the caller
    if sys.__stdout__:
        sys.__stdout__.reconfigure(errors="backslashreplace")  # a terminal may lack a character
    try:
        code = arguments.run(arguments)
        sys.stdout.flush()
    except (Unreadable, OSError) as error:
        if isinstance(error, OSError) and error.errno in {errno.EPIPE, errno.ENOSPC}:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python flushes standard output at its end
        sys.stderr.write(f"{_line(str(error))}\n")
        code = 2
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def cases(arguments: argparse.Namespace) -> int:
    """Print the content of cases.json, or of rnncheck.m if --matlab is given. Return the exit code 0."""
    if arguments.matlab:
        print(Path(__file__).with_name("rnncheck.m").read_text(encoding="utf-8"), end="")
        return 0
    content: dict[str, Any] = {"seed": arguments.seed}
    if arguments.sizes is not None:
        sizes = arguments.sizes.split(",")
        if len(sizes) != 3 or not all(size.isdecimal() and len(size) < 9 for size in sizes):
            raise Unreadable("--sizes: the value is not allowed; allowed are three integers m,K,T such as 100,83,25")
        content |= zip(("m", "K", "lengths"), map(int, sizes), strict=True)
    print(cases_file(about_of(content)), end="")
    return 0


def answers(arguments: argparse.Namespace) -> int:
    """Judge files of answers. Return the exit code."""
    return _shown(arguments, [_tried(answers_report, name) for name in arguments.files])


def scripts(arguments: argparse.Namespace) -> int:
    """Run check scripts, as many at once as the machine has processors. Return the exit code."""
    if not arguments.seconds.isdecimal() or not 0 < int(arguments.seconds) <= 3600:
        raise Unreadable(f"--seconds: {arguments.seconds} is not allowed; allowed are 1 to 3600")
    sys.stderr.write("rnncheck class executes the scripts as your user, without a sandbox\n")

    def run(path: Path) -> Row:
        return "", script_report(path, int(arguments.seconds))

    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        return _shown(arguments, list(pool.map(lambda name: _tried(run, name), arguments.files)))
    finally:
        pool.shutdown(cancel_futures=True)


def _tried(judge: Callable[[Path], Row], name: str) -> Row:
    """Return the seed of a file and the report on the file. If `judge` fails, the report only has the reason."""
    try:
        return judge(Path(name))
    except Exception as error:  # noqa: BLE001  the others are judged
        reason = str(error) if isinstance(error, Unreadable) else f"{type(error).__name__}: {error}"
        return "", Report((Verdict("file", UNCHECKED, reason),))


def _shown(arguments: argparse.Namespace, rows: list[Row]) -> int:
    """Print the reports on the files, and write the table of --csv. Return the exit code: see `main`."""
    reports = list(zip(arguments.files, rows, strict=True))
    if len(rows) == 1 and arguments.csv is None:
        report = rows[0][1]
        if report.unchecked:
            raise Unreadable(f"{arguments.files[0]}: nothing can be checked: {report.unchecked}")
        print("\n".join(map(_line, str(report).splitlines())))
        return int(not report.right)
    width = max(map(len, arguments.files))
    for name, (_, report) in reports:
        parts = ", ".join(f"{v.part} {v.result}" for v in report.parts if v.about != "not given")
        print(_line(f"{name:<{width}}  " + (f"not checked: {report.unchecked}" if report.unchecked else parts)))
    for line in common(report for _, report in rows):
        print(_line(line))
    if arguments.csv is not None:
        _write(arguments.csv, reports)
    return 0


def _write(path: str, rows: list[tuple[str, Row]]) -> None:
    """Write the table of --csv, a row for each file. If `path` is a symbolic link, it is replaced, not followed."""
    table = csv.writer(out := io.StringIO(), lineterminator="\n")
    table.writerow(["file", "seed", *PARTS, "findings"])
    for name, (seed, report) in rows:
        results = {verdict.part: verdict.result for verdict in report.parts}
        sentences = report.findings or ([report.unchecked] if report.unchecked else [])
        table.writerow(
            [_line(name), seed, *(results.get(part, UNCHECKED) for part in PARTS), _line("  ".join(sentences))]
        )
    if any(os.path.realpath(path) == os.path.realpath(name) for name, _ in rows):
        raise Unreadable(f"--csv: {path} is one of the files to judge; choose another name")
    with tempfile.TemporaryDirectory(prefix=".rnncheck-", dir=Path(path).parent) as folder:
        Path(folder, "table").write_text(out.getvalue(), encoding="utf-8")
        Path(folder, "table").replace(path)


def _line(text: str) -> str:
    """Return the text in one line, without control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)


if __name__ == "__main__":
    main()
