"""The command `seedpairs`: which settings in a table of runs are better, and how sure that is."""

import argparse
import errno
import math
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seedpairs.analysis import answered, with_labels
from seedpairs.data_types import CANNOT_TELL, Analysis
from seedpairs.formats import formatted
from seedpairs.gate import STOPPED, Gate, gate
from seedpairs.table import ensure_analysed, read_measurements
from seedpairs.words import WrongInput, in_line

EXIT = {STOPPED: 1, CANNOT_TELL: 6}  # by the result of --require


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="seedpairs", epilog="Exit codes: 0 done; 1 --require is not met; 2 wrong input; 6 it cannot be told yet.",
        description="Print which settings are better than the baseline, by how much, and how sure that is.",
    )  # fmt: skip
    add = parser.add_argument
    add("table", metavar="TABLE", type=Path, help="a CSV table with a row for each run")
    add("--setting", metavar="COLUMNS", required=True, help="the columns that identify the setting: a,b")
    add("--seed", metavar="COLUMN", required=True, help="the column with the seed")
    add("--measure", metavar="COLUMN", required=True, help="the column with the measure")
    add("--better", choices=("lower", "higher"), required=True, help="which values are better")
    add("--baseline", metavar="SETTING", help="compare with this setting: a=1,b=2 (default: the first row's)")
    add("--looks", metavar="N,N", help="the numbers of seeds, declared in advance, at which you look: 3,5,10")
    add("--smallest-difference", metavar="X", help="smaller differences do not matter (default: all matter)")
    required = "test each setting against the baseline: exit 0 if all pass, 1 if one fails, 6 if it cannot be told yet"
    add("--require", choices=("better", "not-worse"), help=required)
    add("--format", choices=("json", "latex", "markdown"), help="the output's format (default: text for a terminal)")
    add(
        "--explain",
        action="store_true",
        help="also print how each verdict was reached",
    )
    return parser


def declared(looks: str | None, smallest_difference: str | None) -> dict[str, Any]:
    """Return the options as fields of Measured, without those that are None. Raises WrongInput if one is invalid."""
    options = dict[str, Any]()
    try:
        if looks is not None:
            option, value, allowed = "--looks", looks, "increasing numbers of seeds from 2 to 1,000,000, such as 3,5,10"
            numbers = tuple(map(int, value.split(",")))
            if list(numbers) != sorted(set(numbers)) or not 2 <= numbers[0] <= numbers[-1] <= 10**6:
                raise ValueError
            options["looks"] = numbers
        if smallest_difference is not None:
            option, value, allowed = "--smallest-difference", smallest_difference, "a number above 0, such as 0.01"
            options["smallest_difference"] = float(value)
            if not 0 < options["smallest_difference"] < math.inf:
                raise ValueError
    except ValueError:
        raise WrongInput(f"{option}: {in_line(value)[:40]} is not allowed; allowed is {allowed}") from None
    return options


def analyse(arguments: argparse.Namespace) -> tuple[Analysis, Gate | None]:
    """Return the answer, and the result of --require, or None without it. WrongInput for an invalid table or option."""
    ensure_analysed(arguments.table)
    options_set = {
        name: value for name, value in vars(arguments).items() if name in {"seed", "measure", "baseline", "better"}
    }
    columns = [name.strip() for name in arguments.setting.split(",")]
    options = declared(arguments.looks, arguments.smallest_difference)
    analysis = answered(read_measurements(arguments.table, setting=columns, **options_set, **options))
    if arguments.format != "json":  # JSON has settings and names apart: names may change
        analysis = with_labels(analysis)
    return analysis, gate(analysis, arguments.require) if arguments.require else None


def main(words: Sequence[str] | None = None) -> None:
    """Print the answer, and exit with the exit code. For wrong input print one line on stderr, and exit with 2."""
    arguments = parser().parse_args(words)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115  closed by the caller
    if sys.__stdout__:
        sys.__stdout__.reconfigure(errors="backslashreplace")  # a terminal may lack a character
    try:
        analysis, required = analyse(arguments)
        width = shutil.get_terminal_size().columns
        print(formatted(analysis, arguments.format, width, explain=arguments.explain, required=required), end="")
        sys.stdout.flush()
    except (WrongInput, OSError) as error:
        if isinstance(error, OSError) and error.errno in {errno.EPIPE, errno.ENOSPC}:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python flushes standard output at its end
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    sys.exit(EXIT.get(required.result, 0) if required else 0)


if __name__ == "__main__":
    main()
