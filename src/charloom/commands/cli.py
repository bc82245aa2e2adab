"""Studies and comparisons, text from a trained model, what a text costs it, every run in MLflow, and proof."""

import argparse
import re
import sys
from collections.abc import Sequence
from functools import partial
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

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]  # argparse types each kind of call; this is all of them
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


def _added(commands: Any, name: str, function: str, short: str, about: str, **defaults: Any) -> Any:
    """Add the command, described in short and at length, and return the function that adds arguments to it.

    The function of this name takes all that is given. Its module is imported when it is called: a compiler or MLflow
    takes a second to import.
    """

    def call(given: argparse.Namespace) -> None:
        module, _, called = function.rpartition(".")
        getattr(import_module(f"charloom.{module}"), called)(given)

    command = commands.add_parser(name, help=short, description=about)
    command.set_defaults(call=call, **defaults)
    return command.add_argument


def _add_text(commands: Any) -> None:
    """Add the commands that use a model."""
    about, defaults = "Write text, as it is drawn.", DEFAULTS | {"length": None}  # it depends on --until
    add = _added(commands, "sample", "commands.write_text.sample", "write text", about, **defaults)
    add("--model", help=MODEL)
    add("--prime", metavar="TEXT", help="go on from this text; - is standard input (default: where training stood)")
    add("--strict", action="store_true", help="refuse a prime with characters that the model does not know")
    add("--length", metavar="N", help="characters to write (default 200; with --until at most 10,000)")
    add("--until", metavar="TEXT", help="stop after writing this")
    add("--temperature", metavar="T", help="below 1 safer, above 1 wilder, 0 the likeliest (default %(default)g)")
    add("--top-k", metavar="K", help="draw from the K likeliest characters (default %(default)g: all)")
    fewest = "draw from the fewest likeliest that together have probability P (default %(default)g: all)"
    add("--top-p", metavar="P", help=fewest)
    add("--seed", metavar="N", help="another seed, another text (default %(default)g)")
    add("--samples", metavar="N", default="1", help="texts to write, each with a random stream of its own (default 1)")
    add("--show-probabilities", action="store_true", help="on a terminal, shade each character by its probability")

    about = "Say what a text costs a model, in bits per character; its first character is only read."
    add = _added(commands, "score", "commands.score_text.score_text", "say what a text costs a model", about)
    add("file", metavar="FILE", nargs="?", default="-", help="a text in UTF-8 (default -: standard input)")
    add("--model", help=MODEL)
    add("--lines", action="store_true", help="also line by line")
    add("--top", metavar="N", help="also the N most surprising places")


def _add_questions(commands: Any) -> None:
    """Add the commands that say which setting is better."""
    about = "Train what a study's file asks and is not trained yet, and say which setting is better, and how surely."
    add = _added(commands, "study", "commands.study.run_study", "train settings over seeds, and compare them", about)
    add("file", metavar="FILE", help="studies/x.yaml, say; its tables go to studies/x/")
    add("--jobs", metavar="N", help="trials at a time (default: one for each processor)")
    add("--dask", metavar="ADDRESS", help="train on the workers of this Dask scheduler")
    add("--prove", metavar="K", help="make K rows of the table again through the pipeline, and compare")
    add("--explain", action="store_true", help="say, too, how it was decided, and what decides nothing")
    add("--anew", action="store_true", help="ask anew, with params.yaml of now; says how many rows go aside")

    about = "Write a question as a file: settings to compare on a text. It says how long the answer takes here."
    add = _added(commands, "study new", "commands.study_new.new_study", "ask a question of your own", about)
    add("file", metavar="FILE", help="to be written: studies/mine.yaml, say")
    varied = "a param and its values: eta=0.05,0.1; given again, each with each"
    add("--vary", metavar="NAME=X,Y", action="append", required=True, help=varied)
    add("--text", metavar="FILE", help="a text in UTF-8 (default: that of params.yaml)")
    add("--seeds", metavar="N", help="trainings of each setting (default 5)")
    add("--short", action="store_true", help="for a class: 3 seeds, 10,000 updates")

    about = (
        "Say which settings are better than the baseline, by how much, and how sure that is. Differences are those of "
        "equal seeds. It reads a study, a table, an MLflow experiment, or else DVC's experiments and HEAD's own run."
    )
    add = _added(commands, "compare", "commands.compare.compare", "say what is better, and how sure that is", about)
    add("source", metavar="STUDY", nargs="?", help="studies/NAME (default: DVC's experiments)")
    add("--table", metavar="FILE", help="any CSV table with a row for each trial")
    add("--mlflow", metavar="EXPERIMENT", help="any runs in MLflow, where MLFLOW_TRACKING_URI says")
    add("--setting", metavar="COLUMNS", help="of the table, those that say the setting: a,b (of MLflow: params)")
    add("--seed", metavar="COLUMN", help="of the table, the one that says the seed (of MLflow: a param)")
    add("--at", metavar="WHEN", help="of an MLflow metric: last, lowest, highest, or a step (default: last)")
    add(
        "--measure", metavar="NAME", help="what is compared, of a table a column (default: held_out_bits_per_character)"
    )
    add("--baseline", metavar="SETTING", help="a=1,b=2 (default: HEAD's own, of a table the first)")
    add("--better", choices=("lower", "higher"), help="which values are better (charloom's own measures: lower)")
    add("--looks", metavar="N,N", help="at how many seeds it was declared to look, and perhaps to stop: 3,5,10")
    add("--smallest-difference", metavar="X", help="one below it does not matter (default: none is too small)")
    required = "of each setting, beside the baseline: exit 0 if it is so, 1 if not, 6 if nobody can tell yet"
    add("--require", choices=("better", "not-worse"), help=required)
    add("--format", choices=("json", "markdown"), help="in place of text for a terminal")
    add("--explain", action="store_true", help="say, too, how it was decided, and what decides nothing")
    add("--figure", metavar="FILE", help="draw it too, to a file that ends in .svg")


def _add_proof(commands: Any) -> None:
    """Add the commands about the committed results and a branch's."""
    about = "Say in Markdown what HEAD changes since it left another branch, what came of it, and how sure that is."
    add = _added(commands, "summary", "proof.summary.summary", "say what a branch changes, and what came of it", about)
    add("--base", metavar="REF", required=True, help="the other branch: origin/main")
    printed = "what `charloom verify --json` printed, on each machine"
    add("--verified", metavar="FILE", nargs="+", default=[], help=printed)

    about = (
        "Rebuild the results of HEAD in a fresh clone, compare them bit for bit, and say what differs, how much, and "
        "which edit explains it."
    )
    short = "prove the committed results: rebuild and compare"
    add = _added(commands, "verify", "commands.verify.verify", short, about)
    add("--quick", action="store_true", help="only the first 200 updates: some seconds")
    add("--json", action="store_true", help="print the table as JSON")
    add("--statement", metavar="FILE", help="write an in-toto statement of what was rebuilt, for others to sign")
    add("--study", metavar="FILE", help="in place of the results, make three rows of this study again")


def _add_record(commands: Any) -> None:
    """Add the commands about MLflow."""
    about = "Send to MLflow this folder's run, and the runs and studies that wait in .charloom/spool."
    _added(commands, "track", "tracking.catch_up.catch_up", "send to MLflow what it has missed", about)
    about = "Say what stands in the way of a run here: settings, environment, MLflow, DVC's remote, Dask; a line each."
    add = _added(commands, "doctor", "commands.doctor.doctor", "say what stands in the way of a run", about)
    add("--dask", metavar="ADDRESS", help="look at this Dask scheduler, too")
    about = "Serve MLflow's pages with every run, on this machine alone, and open them where there is a display."
    port = partial(allowed, "port", shown="--port")
    add = _added(commands, "ui", "tracking.ui.serve", "show every run, in MLflow's pages", about)
    add("--port", metavar="N", type=port, default="5000", help="of 127.0.0.1 (default %(default)s)")


def main() -> None:
    """Parse the command line and run what it names."""
    parser = _Parser(prog="charloom", description=__doc__, epilog=MORE)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_text, _add_questions, _add_proof, _add_record):
        add(commands)

    def command_line() -> None:
        if sys.argv[1:3] == ["study", "new"]:
            sys.argv[1:3] = ["study new"]
        for first in sys.argv[1:2]:
            if first not in (*commands.choices, "-h", "--help"):
                raise WrongInput(f"{in_line(first)}: unknown command; {allowed_are(commands.choices, first)}")
        arguments = parser.parse_args()
        ensure_own_sources()
        arguments.call(arguments)

    run_command(command_line)


if __name__ == "__main__":
    main()
