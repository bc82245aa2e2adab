"""`charloom score`: print the bits that a text costs: in total, by line, and at the most surprising characters."""

import argparse
import math
import sys
from contextlib import nullcontext

import numpy as np
from rich.console import Console

from charloom.commands.inputs import model_at, source_name, text_at
from charloom.core.base.errors import WrongInput
from charloom.core.base.progress import progress
from charloom.core.base.terminal import listed_characters, visible
from charloom.core.base.types import Array
from charloom.core.model.model_file import Model
from charloom.core.model.scoring import PIECE, scores
from charloom.core.network.logarithm import LN2, log
from charloom.core.text.vocabulary import code_points
from charloom.sampling.options import allowed

CONTEXT = 24  # characters printed before a surprising character
LONG = 2_000_000  # characters from which on a progress bar is shown


def score_text(arguments: argparse.Namespace) -> None:
    """Print the cost of a text; with --lines also the cost of each line, with --top the most surprising characters.

    Warns if a uniform guess costs less than the model. Raises WrongInput if the text has fewer than two characters of
    the model's vocabulary.
    """
    top = allowed("top", arguments.top, "--top") if arguments.top is not None else 0
    model, text = model_at(arguments.model), text_at(arguments.file)
    known, inside, unknown = model.vocabulary.part(text)
    if len(inside) < 2:
        raise WrongInput(
            f"{source_name(arguments.file)}: the vocabulary of this model has {len(inside)} of its characters; "
            "a text needs two or more such characters, because the first has no score"
        )
    nats, total = _costs(model, inside)
    mean, uniform = total / len(nats) / LN2, log(model.theta.K) / LN2
    print(f"{mean:.3f} bits per character")
    print(f"in full             {mean!r}")
    print(f"perplexity          {_perplexity(mean):.6g}")
    print(f"a uniform guess     {uniform:.3f} bits, perplexity {model.theta.K}")
    print(f"characters          {len(nats):,} scored; the first has no score")
    if unknown:
        skipped = f"{len(unknown):,} skipped, not in the vocabulary of this model"
        print(f"                    {skipped}: {listed_characters(unknown)}")
    places, ends = np.flatnonzero(known)[1:], np.flatnonzero(code_points(text) == ord("\n"))
    lines, bits = np.searchsorted(ends, places), nats / LN2
    if arguments.lines:
        _print_lines(text.split("\n"), lines, bits)
    if mean > uniform:
        sys.stderr.write(
            "warning: a uniform guess costs less: the model has not learnt to predict such a text; "
            "if the model was trained on similar text, a smaller eta may help\n"
        )
    if top:
        print(f"\n{'bits':>7}  {'line':>6}  {'column':>6}  most surprising")
        columns = places - np.append(0, ends + 1)[lines]
        for index in np.argsort(-bits, kind="stable")[:top]:
            at = places[index]
            shown = f"{_flat(text[max(at - CONTEXT, 0) : at])}[{_flat(text[at])}]"
            print(f"{bits[index]:7.3f}  {lines[index] + 1:6}  {columns[index] + 1:6}  {shown}")


def _costs(model: Model, text: str) -> tuple[Array, float]:
    """Return the cost of each character of the text but the first, and the sum of these costs, in nats.

    All characters must be in the model's vocabulary. A progress bar is shown for a long text.
    """
    ids, pieces, done = model.vocabulary.encode(text), list[Array](), 1
    parts = np.split(ids, range(PIECE, len(ids), PIECE))
    with progress("score", len(ids), stderr=True) if len(ids) > LONG else nullcontext(lambda *_: None) as report:
        for piece in scores(model.theta, parts, model.h, model.backend):
            pieces.append(piece.nats)
            done += len(piece.nats)
            report(done, "characters")
    return np.concatenate(pieces), piece.total


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
