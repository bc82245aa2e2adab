"""Text from the best model, and proof that the committed results are the results."""

import argparse
import math
import sys
from importlib import import_module
from itertools import islice
from pathlib import Path

import charloom.environment  # noqa: F401  first: a foreign Python is refused in a line

from charloom.checkpoint import read_model
from charloom.pipeline import files, run
from charloom.sampling import ON_DEMAND, characters, state_after, stream
from charloom.terminal import visible
from charloom.verify import verify


def main() -> None:
    """Parse the command line and run what it names."""
    parser = argparse.ArgumentParser(prog="charloom", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("sample", help="print text from a model")
    command.add_argument("--prime", default="", help="text to go on from; without it, where training stood")
    command.add_argument("--length", type=_count, default=200, help="characters to write (default 200)")
    command.add_argument("--temperature", type=_positive, default=1.0, help="below 1 safer, above 1 wilder (default 1)")
    command.add_argument("--seed", type=_count, default=1, help="of the random stream (default 1)")
    command.add_argument("--model", type=Path, help="an npz file (default: the pipeline's best model)")
    command.set_defaults(call=sample)
    command = commands.add_parser("verify", help="rebuild HEAD's results from nothing and compare them bit for bit")
    command.set_defaults(call=lambda _: verify())
    # These two import MLflow, which takes a second and a half: only where they are asked for.
    command = commands.add_parser("track", help="send to MLflow what it has missed, experiments included")
    command.set_defaults(call=lambda _: import_module("charloom.resend").resend())
    command = commands.add_parser("ui", help="MLflow's pages, on this machine alone")
    command.add_argument("--port", type=_count, default=5000, help="(default 5000)")
    command.set_defaults(call=lambda arguments: import_module("charloom.ui").serve(arguments.port))
    arguments = parser.parse_args()
    run(lambda: arguments.call(arguments))


def sample(arguments: argparse.Namespace) -> None:
    """Print the prime and what the model writes after it, as it writes."""
    model = read_model(arguments.model or files("sample")["models/best"])
    h, first = model.h, model.first
    shown = visible if sys.stdout.isatty() else str
    if arguments.prime:
        ids = model.vocabulary.encode(arguments.prime)
        h, first = state_after(model.theta, ids[:-1]), int(ids[-1])
        sys.stdout.write(shown(arguments.prime))
    rng = stream(arguments.seed, ON_DEMAND, model.update)
    for drawn in islice(characters(model.theta, h, first, arguments.temperature, rng), arguments.length):
        sys.stdout.write(shown(model.vocabulary.characters[drawn]))
        sys.stdout.flush()
    print()


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 15:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed: a whole number from 0, of at most 15 digits")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed: a number above 0")
    return value


if __name__ == "__main__":
    main()
