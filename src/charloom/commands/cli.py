"""Text from a trained model, what a text costs it, every run in MLflow, and proof of the committed results."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NoReturn

from charloom.base.errors import WrongInput, allowed_are
from charloom.base.terminal import in_line, visible
from charloom.sampling.options import DEFAULTS, allowed
from charloom.settings.entry import ensure_own_sources, run_command

MODEL = "an npz file, or models:/NAME@best, one in MLflow (default: the pipeline's best model)"
MORE = "`charloom COMMAND --help` says what a command takes, `make help` what make does."


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, and what was perhaps meant."""

    # argparse's types tell calls with and without a namespace apart: only the first is overridden here.
    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse. Raises WrongInput at an option that is unknown."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown and unknown[0].startswith("--"):
            name = unknown[0].partition("=")[0]
            options = re.findall(r"--[a-z-]+", self.format_usage())
            raise WrongInput(f"{in_line(name)}: unknown option; {allowed_are([*options, '--help'], name)}")
        if unknown:
            self.error(f"unrecognized arguments: {in_line(' '.join(unknown))}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(visible(f"{self.prog}: {message}; `{self.prog} --help` says what is allowed\n"))
        sys.exit(2)


def _later(module: str, function: str) -> Callable[..., Any]:
    """Return the function, its module imported when it is called: a compiler or MLflow takes a second to import."""
    return lambda *arguments: getattr(import_module(f"charloom.{module}"), function)(*arguments)


def _add_compare(commands: Any) -> None:
    """Add `charloom compare`."""
    about = (
        "Say which settings are better than the baseline, by how much, and how sure that is. Differences are those of "
        "equal seeds. It reads a study, or a table, or else DVC's experiments and HEAD's own run."
    )
    command = commands.add_parser("compare", help="say what is better, and how sure that is", description=about)
    add = command.add_argument
    add("source", metavar="STUDY", nargs="?", help="studies/NAME (default: DVC's experiments)")
    add("--table", metavar="FILE", help="any CSV table with a row for each trial")
    add("--setting", metavar="COLUMNS", help="of the table, those that say the setting: a,b")
    add("--seed", metavar="COLUMN", help="of the table, the one that says the seed")
    add(
        "--measure",
        metavar="NAME",
        help="what is compared (default: held_out_bits_per_character); a column of the table",
    )
    add("--baseline", metavar="SETTING", help="a=1,b=2 (default: HEAD's own, of a table the first)")
    add("--better", choices=("lower", "higher"), help="which values are better (default: lower)")
    add("--looks", metavar="N,N", help="at how many seeds it was declared to look, and perhaps to stop: 3,5,10")
    add("--smallest-difference", metavar="X", help="one below it does not matter (default: none is too small)")
    add("--format", choices=("json", "csv", "markdown"), help="in place of text for a terminal")
    add("--figure", metavar="FILE", help="draw it too, to a file that ends in .svg")
    command.set_defaults(call=_later("commands.compare", "compare"))


def _add_verify(commands: Any) -> None:
    """Add `charloom verify`."""
    about = (
        "Rebuild the results of HEAD in a fresh clone, compare them bit for bit, and say what differs, how much, and "
        "which edit explains it."
    )
    command = commands.add_parser("verify", help="prove the committed results: rebuild and compare", description=about)
    add = command.add_argument
    add("--quick", action="store_true", help="only the first 200 updates: some seconds")
    add("--json", action="store_true", help="print the table as JSON")
    add("--statement", metavar="FILE", help="write an in-toto statement of what was rebuilt, for others to sign")
    add("--study", metavar="FILE", help="in place of the results, make three rows of this study again")
    command.set_defaults(call=_later("commands.verify", "verify"))


def _add_summary(commands: Any) -> None:
    """Add `charloom summary`."""
    about = "Say in Markdown what HEAD changes since it left another branch, what came of it, and how sure that is."
    command = commands.add_parser("summary", help="say what a branch changes, and what came of it", description=about)
    command.add_argument("--base", metavar="REF", required=True, help="the other branch: origin/main")
    command.add_argument(
        "--verified",
        metavar="FILE",
        nargs="+",
        default=[],
        help="what `charloom verify --json` printed, on each machine",
    )
    command.set_defaults(call=lambda arguments: _later("proof.summary", "summary")(arguments.base, arguments.verified))


def main() -> None:
    """Parse the command line and run what it names."""
    parser = _Parser(prog="charloom", description=__doc__, epilog=MORE)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("sample", help="write text", description="Write text, as it is drawn.")
    add = command.add_argument
    add("--model", help=MODEL)
    add(
        "--prime", metavar="TEXT", help="go on from this text; - is standard input (default: from where training stood)"
    )
    add("--strict", action="store_true", help="refuse a prime with characters that the model does not know")
    add("--length", metavar="N", help="characters to write (default 200; with --until at most 10,000)")
    add("--until", metavar="TEXT", help="stop after writing this")
    add("--temperature", metavar="T", help="below 1 safer, above 1 wilder, 0 the likeliest (default %(default)g)")
    add("--top-k", metavar="K", help="draw from the K likeliest characters (default %(default)g: all)")
    add(
        "--top-p",
        metavar="P",
        help="draw from the fewest likeliest that together have probability P (default %(default)g: all)",
    )
    add("--seed", metavar="N", help="another seed, another text (default %(default)g)")
    add("--samples", metavar="N", default="1", help="texts to write, each with a random stream of its own (default 1)")
    add("--show-probabilities", action="store_true", help="on a terminal, shade each character by its probability")
    command.set_defaults(
        call=_later("commands.write_text", "sample"), **DEFAULTS | {"length": None}
    )  # that one depends on --until

    about = "Say what a text costs a model, in bits per character; its first character is only read."
    command = commands.add_parser("score", help="say what a text costs a model", description=about)
    command.add_argument(
        "file", metavar="FILE", nargs="?", default="-", help="a text in UTF-8 (default -: standard input)"
    )
    command.add_argument("--model", help=MODEL)
    command.add_argument("--lines", action="store_true", help="also line by line")
    command.add_argument("--top", metavar="N", help="also the N most surprising places")
    command.set_defaults(call=_later("commands.score_text", "score_text"))

    about = (
        "Train what a study's file asks and is not trained yet, and say which setting is better, and how sure that is."
    )
    command = commands.add_parser("study", help="train settings over seeds, and compare them", description=about)
    command.add_argument("file", metavar="FILE", help="studies/x.yaml, say; its tables go to studies/x/")
    command.add_argument("--jobs", metavar="N", help="trials at a time (default: one for each processor)")
    command.add_argument("--dask", metavar="ADDRESS", help="train on the workers of this Dask scheduler")
    command.add_argument(
        "--prove", metavar="K", help="make K rows of the table again through the pipeline, and compare"
    )
    command.set_defaults(call=_later("commands.study", "run_study"))

    _add_compare(commands)
    _add_summary(commands)
    _add_verify(commands)

    about = "Send to MLflow this folder's run, and the runs that wait in .charloom/outbox."
    command = commands.add_parser("track", help="send to MLflow what it has missed", description=about)
    command.set_defaults(call=lambda _: _later("tracking.catch_up", "catch_up")())
    about = "Serve MLflow's pages with every run, on this machine alone, and open them where there is a display."
    command = commands.add_parser("ui", help="show every run, in MLflow's pages", description=about)
    command.add_argument("--port", metavar="N", default="5000", help="of 127.0.0.1 (default %(default)s)")
    command.set_defaults(
        call=lambda arguments: _later("tracking.ui", "serve")(allowed("port", arguments.port, "--port"))
    )

    def command_line() -> None:
        for first in sys.argv[1:2]:
            if first not in (*commands.choices, "-h", "--help"):
                raise WrongInput(f"{in_line(first)}: unknown command; {allowed_are(commands.choices, first)}")
        arguments = parser.parse_args()
        ensure_own_sources()
        arguments.call(arguments)

    run_command(command_line)


if __name__ == "__main__":
    main()
