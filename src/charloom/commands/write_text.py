"""`charloom sample`: write one or several texts with a model, to a terminal or a pipe."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from charloom.commands.inputs import model_at, text_at
from charloom.core.base.errors import WrongInput
from charloom.core.base.processors import processors
from charloom.core.base.terminal import listed_characters, visible
from charloom.core.base.types import Array
from charloom.core.model.model_file import Model
from charloom.core.runtime.memory import check_memory
from charloom.core.text.vocabulary import Vocabulary
from charloom.sampling.options import DEFAULTS, allowed
from charloom.sampling.request import primed, split_prime
from charloom.sampling.writing import ON_DEMAND, Choice, blocks, random_stream

NUMBERS = ("length", "temperature", "top_k", "top_p", "seed", "samples")
AT_ONCE = 64  # texts in a batch, for each processor
LONGEST = 10_000  # characters: the default of --length if --until is given


def sample(arguments: argparse.Namespace) -> None:
    """Print the prime (the text that the model continues) and the model's continuation.

    A single text is printed piece by piece as it is drawn. Several texts are drawn in groups, each with its own random
    stream, and printed one after the other, each with a heading. Raises WrongInput if an option is invalid, or with
    --strict if the prime has unknown characters, and Unavailable if a group does not fit into memory.
    """
    options = vars(arguments)
    if options["length"] is None:
        options["length"] = DEFAULTS["length"] if arguments.until is None else LONGEST
    number = {name: allowed(name, options[name], f"--{name.replace('_', '-')}") for name in NUMBERS}
    length, count = number["length"], number["samples"]
    choice = Choice(number["temperature"], number["top_k"], number["top_p"])
    model = model_at(arguments.model)
    until = _ending(model, arguments.until)
    h, first, prime = model.h, model.first, ""
    if arguments.prime is not None:
        prime = text_at("-") if arguments.prime == "-" else arguments.prime
        prime, unknown = split_prime(model.vocabulary, prime, "--prime")
        outside = f"characters outside the vocabulary: {listed_characters(unknown)}"
        if unknown and arguments.strict:
            raise WrongInput(f"--prime: --strict refuses {outside}")
        if unknown:
            sys.stderr.write(f"warning: skipped {outside}\n")
        h, first = primed(model, prime)
    group = AT_ONCE * processors() if count > 1 else 1
    if count > 1:
        check_memory(min(count, group) * length * 20, f"--samples {count} of --length {length}")
    for start in range(0, count, group):
        texts = range(start, min(start + group, count))
        random = [random_stream(number["seed"], ON_DEMAND, model.update, index) for index in texts]
        hs, firsts = np.tile(h, (len(texts), 1)), np.full(len(texts), first)
        written = blocks(model.theta, hs, firsts, random, choice, model.backend)
        rounds = _pieces(model.vocabulary, written, length, until, len(texts))
        if count == 1:
            _print(prime, (pieces[0] for pieces in rounds))
            continue
        columns = list(zip(*rounds, strict=True)) or [()] * len(texts)  # no rounds at length 0
        for index, pieces in zip(texts, columns, strict=True):
            print(f"{chr(10) if index else ''}==> sample {index + 1} of {count} <==")
            _print(prime, pieces)


def _ending(model: Model, until: str | None) -> str:
    """Return the text that ends a sample (--until), or "" for None. Raises WrongInput if the model cannot write it."""
    if until == "":
        raise WrongInput("--until: an empty text is not allowed; give a text that the model can write")
    unknown = "".join(character for character in until or "" if character not in model.vocabulary.characters)
    if unknown:
        outside = f"characters outside its vocabulary: {listed_characters(unknown)}"
        raise WrongInput(f"--until: the model cannot write {outside}")
    return until or ""


def _pieces(
    vocabulary: Vocabulary, written: Iterator[tuple[Array, Array]], length: int, until: str, count: int
) -> Iterator[list[str]]:
    """Yield lists with the next piece of each text, until every text has `length` characters or ends with `until`.

    written  yields (ids, probabilities) of the next characters, each (count, n)
    until    the text that ends a sample; "": a sample ends only at `length`
    count    the number of texts; a text that has ended gets empty pieces
    """
    tails, left = [""] * count, [length] * count
    while any(left):
        ids, _ = next(written)
        pieces = []
        for row in range(count):
            text = vocabulary.decode(ids[row, : left[row]])
            left[row] -= len(text)
            if until and (end := (tails[row] + text).find(until)) >= 0:
                text, left[row] = text[: end + len(until) - len(tails[row])], 0
            seen = tails[row] + text
            tails[row] = seen[max(len(seen) - len(until) + 1, 0) :] if until else ""
            pieces.append(text)
        yield pieces


def _print(prime: str, pieces: Iterable[str]) -> None:
    """Print the prime, then each piece as soon as it is drawn, then a newline.

    A pipe gets the text unchanged; on a terminal, control characters are escaped.
    """
    shown = visible if sys.stdout.isatty() else str
    for text in chain([prime], pieces):
        sys.stdout.write(shown(text))
        sys.stdout.flush()
    print(flush=True)
