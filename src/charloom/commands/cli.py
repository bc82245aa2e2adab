"""Train and compare settings, write text with a trained model, score a text, prove results, record runs in MLflow."""

# ruff: noqa: PLC0415  a command imports only its own modules: see _run

import argparse
import re
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn

from charloom.core.runtime.program import ensure_own_sources, run_command
from charloom.core.base.errors import Unavailable, WrongInput, allowed_are
from charloom.core.base.terminal import visible
from charloom.core.base.words import in_line
from charloom.core.config.records import DEFAULT_MEASURE
from charloom.sampling.options import DEFAULTS, allowed
from dvc_proof.git import Refused

MODEL = "an npz file, or a model in MLflow: models:/NAME@best or models:/ID (default: the pipeline's best model)"
EXPLAIN = "also print how each verdict was reached, and results that decide nothing"
MORE = "`charloom COMMAND --help` shows a command's options, `make help` lists the targets of make."


class _Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line. The message suggests the option nearest to a mistyped one."""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]  # argparse has an overload for each kind of call; this signature accepts all
        """Parse the arguments. Raises WrongInput at an unknown option; exits with 2 at any other unknown argument."""
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown and unknown[0].startswith("--"):
            name = unknown[0].partition("=")[0]
            options = re.findall(r"--[a-z-]+", self.format_usage())
            raise WrongInput(f"{in_line(name)}: unknown option; {allowed_are([*options, '--help'], name)}")
        if unknown:
            self.error(f"unrecognized arguments: {in_line(' '.join(unknown))}")
        return namespace, unknown

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(visible(f"{self.prog}: {message}; `{self.prog} --help` shows what is allowed\n"))
        sys.exit(2)


def _run(arguments: argparse.Namespace) -> None:
    """Run the command. Only its module is imported, because an import of the compiler or of MLflow takes a second."""
    match arguments.command:
        case "sample":
            from charloom.commands.write_text import sample as run
        case "score":
            from charloom.commands.score_text import score_text as run
        case "study":
            from charloom.commands.study import run_study as run
        case "study new":
            from charloom.commands.study_new import new_study as run
        case "compare":
            from charloom.commands.compare import compare as run
        case "verify":
            from charloom.commands.verify import verify as run
        case "again":
            from charloom.proof.again import again as run
        case "track":
            from charloom.commands.track import track as run
        case "doctor":
            from charloom.commands.doctor import doctor as run
        case "new":
            from charloom.commands.new import new as run
        case "ui":
            from charloom.commands.ui import serve as run
    run(arguments)


def _added(commands: Any, name: str, short: str, about: str, **defaults: Any) -> Any:
    """Add a command to the parser, and return the function that adds arguments to the command.

    short     the command's line in the list of commands
    about     the description in the command's own --help
    defaults  default values of the command's options by name; a default given to an option itself takes precedence
    """
    command = commands.add_parser(name, help=short, description=about)
    command.set_defaults(command=name, **defaults)
    return command.add_argument


def _add_text(commands: Any) -> None:
    """Add `sample` and `score`, the commands that use a model."""
    about, defaults = "Write text with a trained model.", DEFAULTS | {"length": None}  # its default depends on --until
    add = _added(commands, "sample", "write text", about, **defaults)
    add("--model", help=MODEL)
    add("--prime", metavar="TEXT", help="continue this text; - is standard input (default: the state of training)")
    add("--strict", action="store_true", help="refuse a prime with characters outside the model's vocabulary")
    add("--length", metavar="N", help="characters to write (default 200; with --until at most 10,000)")
    add("--until", metavar="TEXT", help="stop after the model has written TEXT")
    add("--temperature", metavar="T", help="randomness: 0 draws the likeliest, 1 as trained (default %(default)g)")
    add("--top-k", metavar="K", help="draw from the K likeliest characters (default %(default)g: all)")
    nucleus = "draw from the smallest set of likeliest characters with total probability P (default %(default)g: all)"
    add("--top-p", metavar="P", help=nucleus)
    add("--seed", metavar="N", help="seed of the random numbers (default %(default)g)")
    add("--samples", metavar="N", default="1", help="number of texts, each with its own random stream (default 1)")

    about = "Score a text with a model, in bits per character. The first character has no score."
    add = _added(commands, "score", "score a text with a model", about)
    add("file", metavar="FILE", nargs="?", default="-", help="a text in UTF-8 (default -: standard input)")
    add("--model", help=MODEL)
    add("--lines", action="store_true", help="also score each line")
    add("--top", metavar="N", help="also list the N most surprising characters")


def _add_questions(commands: Any) -> None:
    """Add `study`, `study new` and `compare`, the commands that compare settings."""
    about = "Run the missing trainings of a study, then print which settings are better and how sure that is."
    add = _added(commands, "study", "train settings over seeds, and compare them", about)
    add("file", metavar="FILE", help="the study's file, such as studies/x.yaml; its tables are written to studies/x/")
    add("--jobs", metavar="N", help="trials that run at the same time (default: one for each processor)")
    add("--dask", metavar="ADDRESS", help="train on the workers of this Dask scheduler")
    add("--prove", metavar="K", help="rebuild K rows of the table with the pipeline, and compare")
    add("--explain", action="store_true", help=EXPLAIN)
    anew = "start again, with params.yaml as it is now; move old tables to .charloom/studies"
    add("--anew", action="store_true", help=anew)
    reuse = "answer, but make no claim, if other answers have shown these seeds"
    add("--reuse-seeds", action="store_true", help=reuse)

    about = "Write a study's file: the settings to compare on a text. The command estimates the time of the trainings."
    add = _added(commands, "study new", "write a study of your own", about)
    add("file", metavar="FILE", help="the file to write, such as studies/mine.yaml")
    varied = "a param and its values: eta=0.05,0.1; if repeated, all combinations are compared"
    add("--vary", metavar="NAME=X,Y", action="append", help=varied)
    add("--title", metavar="TEXT", help="the question in your words: the heading of the answer")
    add("--text", metavar="FILE", help="a text in UTF-8 (default: the text in params.yaml)")
    add("--seeds", metavar="N", help="trainings of each setting (default 5), or their seeds: 6-10")
    add("--measure", metavar="NAME", help=f"the measure (default {DEFAULT_MEASURE})")
    add("--short", action="store_true", help="for a class: 3 seeds, 10,000 updates")

    about = (
        "Print which settings are better than the baseline, by how much, and how sure that is. Settings are compared "
        "seed by seed. The source is a study; by default, DVC's experiments and HEAD. Or compare two runs: "
        "how they differ, and in which characters of the held-out text B costs less than A."
    )
    add = _added(commands, "compare", "print which settings are better", about)
    runs = "A B: two runs, each a commit, a branch, a DVC experiment, HEAD, workspace, or a run in MLflow"
    add("source", metavar="SOURCE", nargs="*", help=f"studies/NAME (default: DVC's experiments), or {runs}")
    add("--page", metavar="FILE", help="for two runs: also write a page, FILE.html")
    add("--seeds", metavar="N", help="for two runs: train A's setting until N other seeds exist, to measure chance")
    add("--measure", metavar="NAME", help=f"the measure (default {DEFAULT_MEASURE})")
    add("--baseline", metavar="SETTING", help="a=1,b=2 (default: HEAD's setting)")
    add("--better", choices=("lower", "higher"), help="which values are better (default: the measure's own direction)")
    add("--looks", metavar="N,N", help="the numbers of seeds, declared in advance, at which you look: 3,5,10")
    add("--smallest-difference", metavar="X", help="smaller differences do not matter (default: all matter)")
    required = "test each setting against the baseline: exit 0 if all pass, 1 if one fails, 6 if it cannot be told yet"
    add("--require", choices=("better", "not-worse"), help=required)
    add("--format", choices=("json", "latex", "markdown"), help="the output's format (default: text for a terminal)")
    add("--explain", action="store_true", help=EXPLAIN)
    add("--figure", metavar="FILE", help="also draw the comparison as a picture, FILE.svg")


def _add_proof(commands: Any) -> None:
    """Add `verify` and `again`, the commands that rebuild results and compare them."""
    about = (
        "Rebuild the results of HEAD in a fresh clone and compare them bit for bit. For each file that differs, print "
        "the size of the difference and the edit that explains it."
    )
    short = "prove the committed results: rebuild and compare"
    _added(commands, "verify", short, about)

    about = (
        "Run a run in MLflow again, from its commit, uncommitted patch, params and text, in a folder of its own, and "
        "compare the results. The command executes the code of that commit and patch."
    )
    add = _added(commands, "again", "run a run in MLflow again, and compare", about)
    add("run", metavar="RUN", help="the run's id, or the address of its page in MLflow")


def _add_record(commands: Any) -> None:
    """Add `track`, `doctor` and `ui`, the commands about MLflow and the environment."""
    about = "Send this folder's run and everything in .charloom/outbox to MLflow."
    _added(commands, "track", "send unsent runs to MLflow", about)
    about = "Check environment, settings, MLflow and DVC's remote, and print a line for each."
    _added(commands, "doctor", "check what a run needs", about)
    about = "Serve MLflow's pages with all runs, on this machine only, and print their addresses."
    port = partial(allowed, "port", shown="--port")
    add = _added(commands, "ui", "show all runs in MLflow's pages", about)
    add("--port", metavar="N", type=port, default="5000", help="the port on 127.0.0.1 (default %(default)s)")


def _add_program(commands: Any) -> None:
    """Add `new`, the command that creates a project around a model of your own."""
    about = "Copy the folder template/: a small project in Git and DVC around a model of your own."
    add = _added(commands, "new", "a project around a model of your own", about)
    add("folder", metavar="FOLDER", help="the folder to make")


def main() -> None:
    """Parse the command line and run the command. A failure prints one line, and sets the exit code."""
    parser = _Parser(prog="charloom", description=__doc__, epilog=MORE)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_text, _add_questions, _add_proof, _add_record, _add_program):
        add(commands)

    def command_line() -> None:
        given = sys.argv[1:]
        if given[:2] == ["study", "new"]:  # argparse's own subparsers do not fit: `study` may also take a file here
            given[:2] = ["study new"]
        if given and given[0] not in (*commands.choices, "-h", "--help"):
            raise WrongInput(f"{in_line(given[0])}: unknown command; {allowed_are(commands.choices, given[0])}")
        arguments = parser.parse_args(given)
        ensure_own_sources()
        try:
            _run(arguments)
        except Refused as refused:  # Git or DVC fails
            raise Unavailable(str(refused)) from None

    run_command(command_line)


if __name__ == "__main__":
    main()
