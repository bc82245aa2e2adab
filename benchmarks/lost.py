"""Measure the cost of text that a model reads from a zero state; write benchmarks/lost.md.

The script trains eight models, in five minutes at most. Each model reads the held-out text, 400 characters from each of
400 paragraph starts, and the novel's first page. It reads them once from the state in its file, and once from a zero
state. A model is lost at a paragraph start if the second half of the 400 characters costs more than a uniform guess.
"""

import math
import re
from itertools import product

import numpy as np
from training import CHARACTERS, PARAMS, ROOT, TEXT, train_rows

from charloom.core.model.scoring import bits_per_character, score
from charloom.core.network.recipe import KERNEL

STARTS, LENGTH, PAGE = 400, 400, 3000

HEAD = """\
# Some models are lost if they start from a zero state

Training carries the hidden state from one sequence to the next, so a model knows only the states that occur in \
training. A zero state occurs only at the beginning of the text. From a zero state, {lost_from_zero} of the {models} \
models below are lost at some paragraph starts, one of them at {most:.0%}: after hundreds of characters, the average \
character still costs more than a uniform guess. From the state `h`, which the model's file contains, {lost_from_h} \
of the models are lost. So everything that reads or writes text outside training starts from `h`. The share of \
saturated units does not show which models are lost."""


def lost_share(bits: np.ndarray, K: int) -> float:
    """Return the share of the texts (rows of bits per character) whose second half costs more than a uniform guess."""
    return float(np.mean(bits[:, LENGTH // 2 :].mean(axis=1) > math.log2(K)))


def measures(eta: float, initial_accumulator_value: float, seed: int) -> list[float]:
    """Train a model; return a table row: the share of saturated units, then each cost from a zero state and from h."""
    *_, last = train_rows(eta, seed, initial_accumulator_value, PARAMS.train.updates)
    theta, h = last.state.theta, last.state.h
    novel, encode = CHARACTERS, TEXT.vocabulary.encode
    starts = [gap.end() for gap in re.finditer(r"\n\n+", novel) if gap.end() < len(novel) - LENGTH]
    sample = np.random.default_rng(1).choice(starts, STARTS, replace=False)
    beginnings, page = [encode(novel[start : start + LENGTH]) for start in sample], encode(novel[:PAGE])
    states = (np.zeros_like(h), h)
    return [
        float(last.statistics[-1, -1]),
        *(bits_per_character(theta, TEXT.held_out, h_0, KERNEL) for h_0 in states),
        *(
            lost_share(np.array([score(theta, ids, h_0, KERNEL).nats for ids in beginnings]) / math.log(2), theta.K)
            for h_0 in states
        ),
        *(bits_per_character(theta, page, h_0, KERNEL) for h_0 in states),
    ]


def main() -> None:
    """Train, measure and write the page."""
    rows, table = [], []
    for eta, value, seed in product((0.1, 0.2), (0.0, 10.0), (1, 2)):
        rows.append(measures(eta, value, seed))
        table.append(
            "| {} | {:g} | {} | {:.0%} | {:.3f} | {:.3f} | {:.1%} | {:.1%} | {:.2f} | {:.2f} |".format(
                eta, value, seed, *rows[-1]
            )
        )
        print(table[-1], flush=True)
    head = HEAD.format(
        models=len(rows),
        lost_from_zero=sum(row[3] > 0 for row in rows),
        lost_from_h=sum(row[4] > 0 for row in rows) or "none",
        most=max(row[3] for row in rows),
    )
    updates, uniform = PARAMS.train.updates, math.log2(len(TEXT.vocabulary))
    text = [
        head,
        "",
        f"Written by `python benchmarks/lost.py`, on *Moby Dick*: m = {PARAMS.m}, {updates:,} updates. A uniform guess "
        f"costs {uniform:.2f} bits. *Held-out* and *first page* (the result of `charloom score` for this page) are "
        f"bits per character of {len(TEXT.held_out):,} and {PAGE:,} characters. *Lost* is the share of {STARTS} "
        f"paragraph starts from which characters {LENGTH // 2} to {LENGTH} cost more than a uniform guess. *From "
        "zero* and *from h* name the state before the first character. The numbers are the same on every processor.",
        "",
        "| eta | initial accumulator | seed | saturated units | held-out, from zero | held-out, from h "
        "| lost, from zero | lost, from h | first page, from zero | first page, from h |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *table,
        "",
    ]
    (ROOT / "benchmarks/lost.md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
