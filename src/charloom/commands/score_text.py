"""`charloom score`: print the bits that a text costs: in total, by line, and at the most surprising characters.

The text is read piece by piece. Only for the table of lines (--lines) the whole text is kept in memory.
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

from charloom.commands.inputs import model_at, size_of, source_name, text_at
from charloom.core.base.array_file import reader
from charloom.core.base.errors import WrongInput
from charloom.core.base.progress import progress
from charloom.core.base.terminal import listed_characters, visible
from charloom.core.base.types import Array
from charloom.core.model.model_file import Model
from charloom.core.model.scoring import score, scores
from charloom.core.network.logarithm import LN2, log
from charloom.core.text.vocabulary import code_points
from charloom.sampling.options import allowed

CONTEXT = 24  # characters printed before a surprising character
LONG = 2_000_000  # bytes from which on a progress bar is shown


class Piece(NamedTuple):
    """A piece of a text, with the scores of its characters.

    first           the index of the piece's first character in the whole text
    before          the last CONTEXT characters before the piece
    places          (n,) indices of the scored characters in the piece
    lines, columns  (n,) line and column of each scored character in the whole text, from 0
    bits            (n,) score of each scored character: −log₂ of the probability that the model gave to it
    unknown         the piece's characters outside the model's vocabulary, in order
    """

    text: str
    first: int
    before: str
    places: Array
    lines: Array
    columns: Array
    bits: Array
    unknown: str


Surprise = tuple[float, int, int, int, str]  # -bits, place, line and column from 0, text: sorts by descending bits


class Reading:
    """The scoring of a text by a model, piece by piece.

    known  number of the text's characters that are in the model's vocabulary; complete after the last piece
    nats   total score, in nats, of the known characters without the first; complete after the last piece
    """

    def __init__(self, model: Model, texts: Iterator[str]) -> None:
        """Prepare to score the text, whose pieces `texts` yields. Nothing is read before `pieces` is called."""
        (self.texts, self.ahead), self.model, self.known, self.nats = tee(texts), model, 0, 0.0

    def pieces(self) -> Iterator[Piece]:
        """Yield the pieces of the text with the scores of their characters. Only one call is possible."""
        take, place, line, start, before = reader(self._scored()), 0, 0, 0, ""
        for text in self.texts:
            known, _, unknown = self.model.vocabulary.part(text)
            places = np.flatnonzero(known)[int(self.known == 0) :]  # the text's first character has no score
            self.known += int(known.sum())
            ends = np.flatnonzero(code_points(text) == ord("\n"))
            starts, lines = np.concatenate(([start], ends + 1)), np.searchsorted(ends, places)
            bits = take(len(places)) / LN2
            yield Piece(text, place, before, places, line + lines, places - starts[lines], bits, unknown)
            place, line, start = place + len(text), line + len(ends), int(starts[-1]) - len(text)
            before = (before + text)[-CONTEXT:]

    def _scored(self) -> Iterator[Array]:
        """Yield arrays with the scores, in nats, of all characters in the vocabulary except the first.

        This iterator has its own copy of the text (`ahead`), and may read further than `pieces` has.
        """
        vocabulary = self.model.vocabulary
        ids = (vocabulary.encode(vocabulary.part(text)[1]) for text in self.ahead)
        for block in scores(self.model.theta, ids, self.model.h, self.model.backend):
            self.nats = block.total
            yield block.nats


def score_text(arguments: argparse.Namespace) -> None:
    """Print the cost of a text; with --lines also the cost of each line, with --top the most surprising characters.

    Warns if a uniform guess costs less than the model. Raises WrongInput if the text has fewer than two characters of
    the model's vocabulary.
    """
    top = allowed("top", arguments.top, "--top") if arguments.top is not None else 0
    model, size = model_at(arguments.model), size_of(arguments.file)
    reading = Reading(model, text_at(arguments.file, whole=arguments.lines))
    # This call compiles the kernel now, so that the progress bar's estimate does not contain the compilation.
    score(model.theta, model.vocabulary.encode(model.vocabulary.characters[0] * 2), model.h, model.backend)
    unknown, pieces, surprises, done = Counter[str](), list[Piece](), list[Surprise](), 0
    with progress("score", size, stderr=True) if size > LONG else nullcontext(lambda *_: None) as report:
        for piece in reading.pieces():
            unknown.update(piece.unknown)
            if arguments.lines:
                pieces.append(piece)
            if top:
                surprises = sorted([*surprises, *_surprises(piece, top)])[:top]
            done += len(piece.text.encode())
            report(done, "bytes")
    if reading.known < 2:
        raise WrongInput(
            f"{source_name(arguments.file)}: {reading.known} of its characters are in the vocabulary of this model; "
            "a text needs two or more such characters, because the first has no score"
        )
    scored = reading.known - 1
    mean, uniform = reading.nats / scored / LN2, log(model.theta.K) / LN2
    print(f"{mean:.3f} bits per character")
    print(f"in full             {mean!r}")
    print(f"perplexity          {_perplexity(mean):.6g}")
    print(f"a uniform guess     {uniform:.3f} bits, perplexity {model.theta.K}")
    print(f"characters          {scored:,} scored; the first has no score")
    if unknown:
        skipped = f"{unknown.total():,} skipped, not in the vocabulary of this model"
        print(f"                    {skipped}: {listed_characters(unknown)}")
    if arguments.lines:
        lines, bits = (np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("lines", "bits"))
        _print_lines("".join(piece.text for piece in pieces).split("\n"), lines, bits)
    if mean > uniform:
        sys.stderr.write(
            "warning: a uniform guess costs less: the model has not learnt to predict such a text; "
            "if the model was trained on similar text, a smaller eta may help\n"
        )
    if top:
        print(f"\n{'bits':>7}  {'line':>6}  {'column':>6}  most surprising")
        for minus_bits, _, line, column, shown in surprises:
            print(f"{-minus_bits:7.3f}  {line + 1:6}  {column + 1:6}  {shown}")


def _surprises(piece: Piece, top: int) -> Iterator[Surprise]:
    """Yield the piece's characters with the most bits, in descending order: `top` of them, or all if fewer."""
    text, shift = piece.before + piece.text, len(piece.before)
    for index in np.argsort(-piece.bits, kind="stable")[:top]:
        place, line, column = (int(values[index]) for values in (piece.places, piece.lines, piece.columns))
        at = place + shift
        shown = f"{_flat(text[max(at - CONTEXT, 0) : at])}[{_flat(text[at])}]"
        yield -float(piece.bits[index]), piece.first + place, line, column, shown


def _print_lines(lines: list[str], at: Array, bits: Array) -> None:
    """Print for each line: the number of scored characters, their mean bits, the perplexity, and the line's text.

    A line's newline character counts. On a terminal, the text is cut at the terminal's width.

    at, bits  (n,) the line's index and the score in bits of each scored character
    """
    counts = np.bincount(at, minlength=len(lines))
    sums = np.bincount(at, bits, minlength=len(lines))
    room = max(Console().width - 37, 20) if sys.stdout.isatty() else None
    print(f"\n{'line':>6}  {'characters':>10}  {'bits':>6}  {'perplexity':>10}")
    for number, (line, n, total) in enumerate(zip(lines, counts, sums, strict=True), 1):
        if number == len(lines) and not line:
            break  # split() gives an empty string after the last newline
        mean = total / n if n else math.nan
        figures = f"{mean:6.3f}  {_perplexity(mean):10.4g}" if n else f"{'–':>6}  {'–':>10}"
        print(f"{number:6}  {n:10,}  {figures}  {_flat(line)[:room]}")


def _perplexity(bits: float) -> float:
    """Return 2^bits, the number of equally likely characters with the same cost; infinity if it exceeds a float."""
    with np.errstate(over="ignore"):  # a model with large weights may score an unseen text at a thousand bits
        return float(np.exp2(bits))


def _flat(text: str) -> str:
    """Return the text on one line: control characters, newlines and tabs are escaped."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")
