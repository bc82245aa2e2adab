"""`charloom sample`: write one or several texts with a model, to a terminal or a pipe."""

import argparse
import sys
from collections.abc import Iterator

import numpy as np
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style

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
# The least probability of each shade on a terminal, and its style.
SHADES = [(1 / 2, ""), (1 / 4, "#111111 on #fff3bf"), (1 / 16, "#111111 on #ffd43b"), (1 / 64, "#111111 on #ff922b")]
RARE = "#ffffff on #c92a2a"


Piece = tuple[str, Array]  # n characters of a text, and (n,) their probabilities


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
    page = _Page(shades=arguments.show_probabilities)
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
            page.text(prime, (pieces[0] for pieces in rounds))
            continue
        columns = list(zip(*rounds, strict=True)) or [()] * len(texts)  # no rounds at length 0
        for index, pieces in zip(texts, columns, strict=True):
            print(f"{chr(10) if index else ''}==> sample {index + 1} of {count} <==")
            page.text(prime, iter(pieces))
    page.legend()


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
) -> Iterator[list[Piece]]:
    """Yield lists with the next piece of each text, until every text has `length` characters or ends with `until`.

    written  yields (ids, probabilities) of the next characters, each (count, n)
    until    the text that ends a sample; "": a sample ends only at `length`
    count    the number of texts; a text that has ended gets empty pieces
    """
    tails, left = [""] * count, [length] * count
    while any(left):
        ids, p = next(written)
        pieces = []
        for row in range(count):
            text = vocabulary.decode(ids[row, : left[row]])
            left[row] -= len(text)
            if until and (end := (tails[row] + text).find(until)) >= 0:
                text, left[row] = text[: end + len(until) - len(tails[row])], 0
            seen = tails[row] + text
            tails[row] = seen[max(len(seen) - len(until) + 1, 0) :] if until else ""
            pieces.append((text, p[row, : len(text)]))
        yield pieces


class _Page:
    """Standard output. A pipe gets the text unchanged; on a terminal, control characters are escaped.

    With `shades`, a terminal with colours also gets each character shaded by its probability.
    """

    def __init__(self, *, shades: bool) -> None:
        self.console = Console()
        self.shades = shades and self.console.color_system is not None and not self.console.no_color
        self.shown = visible if sys.stdout.isatty() else str

    def text(self, prime: str, pieces: Iterator[Piece]) -> None:
        """Print the prime, then each piece as soon as it is drawn, then a newline."""
        sys.stdout.write(self.shown(prime))
        for text, probabilities in pieces:
            if self.shades:
                parts = zip(text, probabilities, strict=True)
                self._print(*(Segment(self.shown(c), _style(p) if c != "\n" else None) for c, p in parts))
            else:
                sys.stdout.write(self.shown(text))
            sys.stdout.flush()
        print(flush=True)

    def legend(self) -> None:
        """Print which shade stands for which probability, if shades are used."""
        if self.shades:
            shades = (Segment(f" from 1/{round(1 / least)} ", _style(least)) for least, _ in SHADES)
            self._print(Segment("\nprobability "), *shades, Segment(" less ", _style(0)), Segment("\n"))

    def _print(self, *segments: Segment) -> None:
        self.console.print(Segments(segments), end="", soft_wrap=True)


def _style(p: float) -> Style:
    return Style.parse(next((style for least, style in SHADES if p >= least), RARE))
