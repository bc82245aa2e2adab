"""`charloom score`: what a text costs a model, in all, by line, and where most."""

import argparse
import math
import sys
from contextlib import nullcontext

import numpy as np
from rich.console import Console

from charloom.base.errors import WrongInput
from charloom.base.progress import progress
from charloom.base.terminal import named, visible
from charloom.base.types import Array
from charloom.commands.inputs import model_at, text_at
from charloom.model.scoring import score
from charloom.sampling.options import allowed

CONTEXT = 24  # characters before a surprising one
LONG = 2_000_000  # characters; a longer text shows its progress


def score_text(arguments: argparse.Namespace) -> None:
    """Print what a text costs the model: in all, by line, and where it surprises most."""
    top = allowed("top", arguments.top, "--top") if arguments.top is not None else 0
    model = model_at(arguments.model)
    name, text = text_at(arguments.file)
    known, inside, unknown = model.vocabulary.part(text)
    if len(inside) < 2:
        raise WrongInput(
            f"{name}: {len(inside)} of its characters are in the vocabulary of this model; "
            "allowed is a text with two or more: the first is only read"
        )
    ids = model.vocabulary.encode(inside)
    score(model.theta, ids[:2], model.h)  # compiles before the progress begins: that belongs into no estimate
    with progress("score", len(ids) - 1, stderr=True) if len(ids) > LONG else nullcontext(lambda *_: None) as report:
        found = score(model.theta, ids, model.h, lambda done: report(done, ""))
    bits, indices = found.nats / math.log(2), np.flatnonzero(known)[1:]
    lines = text.split("\n")
    starts = np.cumsum([0, *(len(line) + 1 for line in lines)])
    at = np.searchsorted(starts, indices, side="right") - 1
    mean, uniform = found.total / len(found.nats) / math.log(2), math.log2(model.theta.K)
    print(f"{mean:.3f} bits per character")
    print(f"in full             {mean!r}")
    print(f"perplexity          {_perplexity(mean):.6g}")
    print(f"a uniform guess     {uniform:.3f} bits, perplexity {model.theta.K}")
    print(f"characters          {len(bits):,} scored; the first is only read")
    if unknown:
        print(f"                    {len(unknown):,} skipped, not in the vocabulary of this model: {named(unknown)}")
    if arguments.lines:
        _print_lines(lines, at, bits)
    if mean > uniform:
        sys.stderr.write(
            "warning: a uniform guess would cost less: the model has not learnt to write such a text; "
            "where it was trained on its like, a smaller eta may help\n"
        )
    if top:
        print(f"\n{'bits':>7}  {'line':>6}  {'column':>6}  most surprising")
        for each in np.argsort(-bits, kind="stable")[:top]:
            index, line = int(indices[each]), int(at[each])
            before = text[max(index - CONTEXT, 0) : index]
            print(
                f"{bits[each]:7.3f}  {line + 1:6}  {index - starts[line] + 1:6}  {_flat(before)}[{_flat(text[index])}]"
            )


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
