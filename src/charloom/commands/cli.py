"""Text from a model, what a text costs it, and proof that the committed results are the results."""

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

from charloom.base.terminal import visible
from charloom.sampling.options import DEFAULTS, allowed
from charloom.settings.entry import ensure_own_sources, run_command

MODEL = "an npz file, or models:/… in MLflow (default: the pipeline's best model)"


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(visible(f"{self.prog}: {message}; `{self.prog} --help` says what is allowed\n"))
        sys.exit(2)


def _later(module: str, function: str) -> Callable[..., Any]:
    """Return the function, its module imported when it is called: a compiler or MLflow takes a second to import."""
    return lambda *arguments: getattr(import_module(f"charloom.{module}"), function)(*arguments)


def main() -> None:
    """Parse the command line and run what it names."""
    parser = _Parser(prog="charloom", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("sample", help="write text", description="Write text, as it is drawn.")
    add = command.add_argument
    add("--model", help=MODEL)
    add("--prime", metavar="TEXT", help="go on from this text; - is standard input (default: where training stood)")
    add("--strict", action="store_true", help="refuse a prime with characters that the model does not know")
    add("--length", metavar="N", help="characters to write (default 200; with --until at most 10,000)")
    add("--until", metavar="TEXT", help="stop after writing this")
    add("--temperature", metavar="T", help="below 1 safer, above 1 wilder, 0 the likeliest (default %(default)g)")
    add("--top-k", metavar="K", help="draw from the K likeliest characters (default %(default)g: all)")
    add("--top-p", metavar="P", help="draw from the fewest that make up P (default %(default)g: all)")
    add("--seed", metavar="N", help="of the random stream (default %(default)g)")
    add("--samples", metavar="N", default="1", help="texts to write, each with a stream of its own (default 1)")
    add("--show-probabilities", action="store_true", help="on a terminal, shade each character by its probability")
    command.set_defaults(
        call=_later("commands.write_text", "sample"), **DEFAULTS | {"length": None}
    )  # that one depends on --until

    about = "Say what a text costs a model, in bits per character; its first character is only read."
    command = commands.add_parser("score", help="say what a text costs a model", description=about)
    command.add_argument("file", metavar="FILE", nargs="?", default="-", help="UTF-8 (default -: standard input)")
    command.add_argument("--model", help=MODEL)
    command.add_argument("--lines", action="store_true", help="also line by line")
    command.add_argument("--top", metavar="N", help="also the N most surprising places")
    command.set_defaults(call=_later("commands.score_text", "score_text"))

    command = commands.add_parser("verify", help="rebuild HEAD's results from nothing and compare them bit for bit")
    command.set_defaults(call=lambda _: _later("proof.verify", "verify")())
    command = commands.add_parser("track", help="send to MLflow what it has missed")
    command.set_defaults(call=lambda _: _later("tracking.catch_up", "catch_up")())
    command = commands.add_parser("ui", help="MLflow's pages, on this machine alone")
    command.add_argument("--port", metavar="N", default="5000", help="(default 5000)")
    command.set_defaults(
        call=lambda arguments: _later("tracking.ui", "serve")(allowed("port", arguments.port, "--port"))
    )

    def command_line() -> None:
        arguments = parser.parse_args()
        ensure_own_sources()
        arguments.call(arguments)

    run_command(command_line)


if __name__ == "__main__":
    main()
