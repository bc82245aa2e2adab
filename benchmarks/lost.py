"""What a zero state costs where a model reads text: eight trainings, five minutes at most; write benchmarks/lost.md.

Every model reads the held-out text, 400 characters from each of 400 paragraph starts, and the novel's first page: once
from the state that it carries, once from zero. It is lost where the second half of the 400 characters costs more than
a uniform guess would.
"""

import math
import re
from itertools import product

import numpy as np
from training import CHARACTERS, PARAMS, ROOT, TEXT, trained

from charloom.model.scoring import bits_per_character, score

STARTS, LENGTH, PAGE = 400, 400, 3000

HEAD = """\
# From a zero state a model may lose itself

Training carries the state from one sequence to the next, so a model knows the states that it comes by. A zero state \
is none of them, except where the text begins. From there {lost_from_zero} of the {models} models below lose \
themselves, at up to {most:.0%} of the paragraph starts: hundreds of characters on, each still costs more than a \
uniform guess. From the state `h`, which a model's file carries, {lost_from_h} of them do. So whatever reads or writes \
text outside training starts from `h`. How many units are saturated does not tell which models are lost."""


def lost(bits: np.ndarray, K: int) -> float:
    """Return the share of the rows, a text each, whose second half costs more than a uniform guess."""
    return float(np.mean(bits[:, LENGTH // 2 :].mean(axis=1) > math.log2(K)))


def measures(eta: float, initial_accumulator_value: float, seed: int) -> list[float]:
    """Return the numbers of one model: saturated units, then, each from zero and from h, the columns that follow."""
    *_, last = trained(eta, seed, initial_accumulator_value, PARAMS.train.updates)
    theta, h = last.state.theta, last.state.h
    novel, encode = CHARACTERS, TEXT.vocabulary.encode
    starts = [found.end() for found in re.finditer(r"\n\n+", novel) if found.end() < len(novel) - LENGTH]
    chosen = np.random.default_rng(1).choice(starts, STARTS, replace=False)
    begun, page = [encode(novel[start : start + LENGTH]) for start in chosen], encode(novel[:PAGE])
    states = (np.zeros_like(h), h)
    return [
        float(last.statistics[-1, -1]),
        *(bits_per_character(theta, TEXT.held_out, h_0) for h_0 in states),
        *(lost(np.array([score(theta, ids, h_0).nats for ids in begun]) / math.log(2), theta.K) for h_0 in states),
        *(bits_per_character(theta, page, h_0) for h_0 in states),
    ]


def main() -> None:
    """Train, measure and write."""
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
        f"Written by `python benchmarks/lost.py`, on *Moby Dick*: m = {PARAMS.m}, {updates:,} updates, a uniform guess "
        f"{uniform:.2f} bits. *Held-out* and *first page* (what `charloom score` of it says) are bits per character, "
        f"of {len(TEXT.held_out):,} and {PAGE:,} characters. *Lost*: the share of {STARTS} paragraph starts from "
        f"which characters {LENGTH // 2} to {LENGTH} cost more than a uniform guess. The numbers are the same on every "
        "processor.",
        "",
        "| eta | initial accumulator | seed | saturated units | held-out, from zero | from h "
        "| lost, from zero | from h | first page, from zero | from h |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *table,
        "",
    ]
    (ROOT / "benchmarks/lost.md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
