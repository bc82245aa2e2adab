"""`charloom sample`: text as it is drawn, one or many, on a terminal or into a pipe."""

import argparse
import sys
from collections.abc import Iterator

import numpy as np
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style

from charloom.base.errors import WrongInput
from charloom.base.processors import processors
from charloom.base.terminal import named, visible
from charloom.base.types import Array
from charloom.commands.inputs import model_at, text_at
from charloom.model.model_file import Model
from charloom.sampling.options import DEFAULTS, allowed
from charloom.sampling.request import primed, split_prime
from charloom.sampling.writing import ON_DEMAND, Choice, blocks, random_stream
from charloom.settings.memory import check_memory
from charloom.text.vocabulary import Vocabulary

NUMBERS = ("length", "temperature", "top_k", "top_p", "seed", "samples")
AT_ONCE = 64  # texts beside each other, for each processor
LONGEST = 10_000  # characters, where --until is given and no --length
# The least probability of each shade, on a terminal.
SHADES = [(1 / 2, ""), (1 / 4, "#111111 on #fff3bf"), (1 / 16, "#111111 on #ffd43b"), (1 / 64, "#111111 on #ff922b")]
RARE = "#ffffff on #c92a2a"


Piece = tuple[str, Array]  # of a text, with the probability of each of its characters


def sample(arguments: argparse.Namespace) -> None:
    """Print the prime and what the model writes after it, as it writes; of several texts one after the other."""
    given = vars(arguments)
    if given["length"] is None:
        given["length"] = DEFAULTS["length"] if arguments.until is None else LONGEST
    number = {name: allowed(name, given[name], f"--{name.replace('_', '-')}") for name in NUMBERS}
    length, count = number["length"], number["samples"]
    choice = Choice(number["temperature"], number["top_k"], number["top_p"])
    model = model_at(arguments.model)
    until = _ending(model, arguments.until)
    h, first, prime = model.h, model.first, ""
    if arguments.prime is not None:
        prime = "".join(text_at("-")) if arguments.prime == "-" else arguments.prime
        prime, unknown = split_prime(model.vocabulary, prime, "--prime")
        if unknown and arguments.strict:
            raise WrongInput(f"--prime: not in the vocabulary of this model: {named(unknown)}")
        if unknown:
            sys.stderr.write(f"warning: not in the vocabulary of this model, skipped: {named(unknown)}\n")
        h, first = primed(model, prime)
    page = _Page(shades=arguments.show_probabilities)
    group = AT_ONCE * processors() if count > 1 else 1
    if count > 1:
        check_memory(min(count, group) * length * 20, f"--samples {count} of --length {length}")
    for start in range(0, count, group):
        texts = range(start, min(start + group, count))
        random = [random_stream(number["seed"], ON_DEMAND, model.update, each) for each in texts]
        hs, firsts = np.tile(h, (len(texts), 1)), np.full(len(texts), first)
        rounds = _pieces(model.vocabulary, blocks(model.theta, hs, firsts, random, choice), length, until, len(texts))
        if count == 1:
            page.text(prime, (pieces[0] for pieces in rounds))
            continue
        columns = list(zip(*rounds, strict=True)) or [()] * len(texts)  # nothing, at length 0
        for each, pieces in zip(texts, columns, strict=True):
            print(f"{chr(10) if each else ''}==> sample {each + 1} of {count} <==")
            page.text(prime, iter(pieces))
    page.legend()


def _ending(model: Model, until: str | None) -> str:
    """Return the text that ends a sample. Raises WrongInput where the model cannot write it."""
    if until == "":
        raise WrongInput("--until: an empty text is not allowed; allowed is one that the model can write")
    unknown = "".join(each for each in until or "" if each not in model.vocabulary.characters)
    if unknown:
        raise WrongInput(f"--until: not in the vocabulary of this model, so never written: {named(unknown)}")
    return until or ""


def _pieces(
    vocabulary: Vocabulary, written: Iterator[tuple[Array, Array]], length: int, until: str, count: int
) -> Iterator[list[Piece]]:
    """Yield the next piece of every text, until each has its length or has written the text that ends it."""
    tails, left = [""] * count, [length] * count
    while any(left):
        ids, p = next(written)
        pieces = []
        for row in range(count):
            text = vocabulary.decode(ids[row, : left[row]].tolist())
            left[row] -= len(text)
            if until and (found := (tails[row] + text).find(until)) >= 0:
                text, left[row] = text[: found + len(until) - len(tails[row])], 0
            seen = tails[row] + text
            tails[row] = seen[max(len(seen) - len(until) + 1, 0) :] if until else ""
            pieces.append((text, p[row, : len(text)]))
        yield pieces


class _Page:
    """Standard output: raw into a pipe or a file; on a terminal without controls, and with shades if wanted."""

    def __init__(self, *, shades: bool) -> None:
        self.console = Console()
        self.shades = shades and self.console.color_system is not None and not self.console.no_color
        self.shown = visible if sys.stdout.isatty() else str

    def text(self, prime: str, pieces: Iterator[Piece]) -> None:
        """Print the prime, the pieces as they come, and the end of a line."""
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
        """Say what the shades mean, where there are any."""
        if self.shades:
            shades = (Segment(f" from 1/{round(1 / least)} ", _style(least)) for least, _ in SHADES)
            self._print(Segment("\nprobability "), *shades, Segment(" less ", _style(0)), Segment("\n"))

    def _print(self, *segments: Segment) -> None:
        self.console.print(Segments(segments), end="", soft_wrap=True)


def _style(p: float) -> Style:
    return Style.parse(next((style for least, style in SHADES if p >= least), RARE))
