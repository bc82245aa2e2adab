"""`charloom score`: what a text costs a model, in all, by line, and where most.

The text is read a piece at a time. All of it is kept only for a table of its lines.
"""

import argparse
import math
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import tee
from typing import NamedTuple

import numpy as np
from rich.console import Console

from charloom.base.errors import WrongInput
from charloom.base.logarithm import LN2, log
from charloom.base.pieces import reader
from charloom.base.progress import progress
from charloom.base.terminal import named, visible
from charloom.base.types import Array
from charloom.commands.inputs import model_at, size_of, source_name, text_at
from charloom.model.model_file import Model
from charloom.model.scoring import score, scores
from charloom.sampling.options import allowed
from charloom.text.vocabulary import code_points

CONTEXT = 24  # characters before a surprising one
LONG = 2_000_000  # bytes; a longer file shows its progress


class Piece(NamedTuple):
    """A piece of a text; which of its characters are scored, and what they cost, in bits.

    first           its place in the whole text
    before          the last characters before it
    lines, columns  of the characters that are scored, from 0
    """

    text: str
    first: int
    before: str
    places: Array
    lines: Array
    columns: Array
    bits: Array
    unknown: str


Surprise = tuple[float, int, int, int, str]  # -bits, place, line and column from 0, what stands there: in this order


class Reading:
    """A text as a model reads it.

    known, nats   when all its pieces have been gone through: how many characters the model knows, and what they cost
    """

    def __init__(self, model: Model, texts: Iterator[str]) -> None:
        """Take both."""
        (self.texts, self.ahead), self.model, self.known, self.nats = tee(texts), model, 0, 0.0

    def pieces(self) -> Iterator[Piece]:
        """Yield the text in pieces."""
        take, place, line, start, before = reader(self._scored()), 0, 0, 0, ""
        for text in self.texts:
            known, _, unknown = self.model.vocabulary.part(text)
            places = np.flatnonzero(known)[int(self.known == 0) :]  # the first is only read
            self.known += int(known.sum())
            ends = np.flatnonzero(code_points(text) == ord("\n"))
            starts, lines = np.concatenate(([start], ends + 1)), np.searchsorted(ends, places)
            bits = take(len(places)) / LN2
            yield Piece(text, place, before, places, line + lines, places - starts[lines], bits, unknown)
            place, line, start = place + len(text), line + len(ends), int(starts[-1]) - len(text)
            before = (before + text)[-CONTEXT:]

    def _scored(self) -> Iterator[Array]:
        """Yield the nats of what the model knows, but for the first; it reads ahead of the pieces."""
        vocabulary = self.model.vocabulary
        ids = (vocabulary.encode(vocabulary.part(text)[1]) for text in self.ahead)
        for each in scores(self.model.theta, ids, self.model.h):
            self.nats = each.total
            yield each.nats


def score_text(arguments: argparse.Namespace) -> None:
    """Print what a text costs the model: in all, by line, and where it surprises most."""
    top = allowed("top", arguments.top, "--top") if arguments.top is not None else 0
    model, size = model_at(arguments.model), size_of(arguments.file)
    reading = Reading(model, text_at(arguments.file, kept=arguments.lines))
    # Compiles before the progress begins: that belongs into no estimate.
    score(model.theta, model.vocabulary.encode(model.vocabulary.characters[0] * 2), model.h)
    unknown, kept, surprises, done = Counter[str](), list[Piece](), list[Surprise](), 0
    with progress("score", size, stderr=True) if size > LONG else nullcontext(lambda *_: None) as report:
        for piece in reading.pieces():
            unknown.update(piece.unknown)
            if arguments.lines:
                kept.append(piece)
            if top:
                surprises = sorted([*surprises, *_surprises(piece, top)])[:top]
            done += len(piece.text.encode())
            report(done, "bytes")
    if reading.known < 2:
        raise WrongInput(
            f"{source_name(arguments.file)}: {reading.known} of its characters are in the vocabulary of this model; "
            "allowed is a text with two or more: the first is only read"
        )
    scored = reading.known - 1
    mean, uniform = reading.nats / scored / LN2, log(model.theta.K) / LN2
    print(f"{mean:.3f} bits per character")
    print(f"in full             {mean!r}")
    print(f"perplexity          {_perplexity(mean):.6g}")
    print(f"a uniform guess     {uniform:.3f} bits, perplexity {model.theta.K}")
    print(f"characters          {scored:,} scored; the first is only read")
    if unknown:
        skipped = f"{unknown.total():,} skipped, not in the vocabulary of this model"
        print(f"                    {skipped}: {named(unknown)}")
    if arguments.lines:
        lines, bits = (np.concatenate([getattr(piece, name) for piece in kept]) for name in ("lines", "bits"))
        _print_lines("".join(piece.text for piece in kept).split("\n"), lines, bits)
    if mean > uniform:
        sys.stderr.write(
            "warning: a uniform guess would cost less: the model has not learnt to write such a text; "
            "where it was trained on its like, a smaller eta may help\n"
        )
    if top:
        print(f"\n{'bits':>7}  {'line':>6}  {'column':>6}  most surprising")
        for minus_bits, _, line, column, shown in surprises:
            print(f"{-minus_bits:7.3f}  {line + 1:6}  {column + 1:6}  {shown}")


def _surprises(piece: Piece, top: int) -> Iterator[Surprise]:
    """Yield the dearest characters of the piece."""
    text, shift = piece.before + piece.text, len(piece.before)
    for each in np.argsort(-piece.bits, kind="stable")[:top]:
        place, line, column = (int(of[each]) for of in (piece.places, piece.lines, piece.columns))
        at = place + shift
        shown = f"{_flat(text[max(at - CONTEXT, 0) : at])}[{_flat(text[at])}]"
        yield -float(piece.bits[each]), piece.first + place, line, column, shown


def _print_lines(lines: list[str], at: Array, bits: Array) -> None:
    """Print a row for each line, its end included."""
    counts = np.bincount(at, minlength=len(lines))
    sums = np.bincount(at, bits, minlength=len(lines))
    room = max(Console().width - 37, 20) if sys.stdout.isatty() else None
    print(f"\n{'line':>6}  {'characters':>10}  {'bits':>6}  {'perplexity':>10}")
    for number, (line, n, total) in enumerate(zip(lines, counts, sums, strict=True), 1):
        if number == len(lines) and not line:
            break  # what comes after the last line's end
        mean = total / n if n else math.nan
        figures = f"{mean:6.3f}  {_perplexity(mean):10.4g}" if n else f"{'–':>6}  {'–':>10}"
        print(f"{number:6}  {n:10,}  {figures}  {_flat(line)[:room]}")


def _perplexity(bits: float) -> float:
    """Return 2^bits: among how many equally likely characters a choice would cost as much."""
    with np.errstate(over="ignore"):  # a text that a model of large weights has never seen may cost a thousand bits
        return float(np.exp2(bits))


def _flat(text: str) -> str:
    """Return the text on one line, harmless on a terminal."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")
