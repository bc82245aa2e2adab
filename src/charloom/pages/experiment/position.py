"""Smooth loss by position in the text: why its minimum sits where it sits."""

import math
from itertools import pairwise

import numpy as np

from charloom.base.types import Array, Numbers
from charloom.kernel.arrays import log
from charloom.network.order import READING
from charloom.pages.along_updates import Curve, draw, mark, update_label
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.experiment.units import correlations
from charloom.pages.pictures import BLUE, FAINT, GREY, PINK, drawing, pictured
from charloom.pages.sections import Picture, Section, Table

EPOCHS = 5  # that are drawn, at most: the last ones
LONGEST = 5_000_000  # characters of a text in which pairs are counted
MANY = 5_000  # different characters, up to which there is a table of pairs
KEPT = 0.999  # of smooth loss from one update to the next
EVERY = 100  # updates between two points of plots/smooth_loss.csv
LEFT_OUT = 5  # times 1 / (1 − KEPT): the updates after the start in which the fall would press the rest flat
EXCERPT = 240  # characters


def section(results: Results) -> Section | None:
    """Return the section; None where the text was not read from front to back in one go."""
    if results.params.train.order != READING or results.params.batch > 1:
        return None
    train, T = results.train, results.params.seq_length
    epochs = folded(results.curves["smooth_loss"], train.updates_per_epoch, T)
    drawn = {epoch: curve for epoch, curve in list(epochs.items())[-EPOCHS:] if curve}
    pairs, costly = None, None
    if results.text.training_characters <= LONGEST and results.text.K <= MANY:
        costs = pair_costs(results.corpus.training, results.text.K, T)
        pairs = smoothed(costs, T)
        dear = max(pairs, key=lambda at: pairs[at])
        start = costliest(costs, dear // T, max(1, EXCERPT // T)) * T
        text = results.best.vocabulary.decode(results.corpus.training[start : start + EXCERPT])
        costly = {"place": dear, "nats": pairs[dear], "mean": float(costs.mean()), "text": text}
    longest = max(drawn, key=lambda epoch: (len(drawn[epoch]), epoch), default=0)
    place = train.best_update % train.updates_per_epoch * T
    it = {
        "place": place,
        "share": place / results.text.training_characters,
        "epoch": train.best_update // train.updates_per_epoch + 1,
        "before": earlier(epochs, train.best_update // train.updates_per_epoch, place),
        "costly": costly,
        "whole": longest,
        "agrees": agreement(drawn[longest], pairs) if pairs and drawn else None,
        "behind": round(1 / (1 - KEPT)) * T,
    }
    pictures = [_picture(results, drawn, pairs)] if drawn else []
    return Section("position", "Where in the text the loss is low", it, pictures)


def costliest(costs: Array, end: int, run: int) -> int:
    """Return which sequence begins the costliest run, of that many, of those that smooth loss tells of at `end`.

    Of equals the first.
    """
    end = max(end, run)
    first = max(0, end - round(1 / (1 - KEPT)))
    sums = np.cumsum(np.append(0, costs[first:end]))
    run = min(run, len(sums) - 1)
    return first + int((sums[run:] - sums[:-run]).argmax())


def folded(smooth_loss: Curve, epoch: int, seq_length: int) -> dict[int, Curve]:
    """Return by epoch, from 1 on, smooth loss by the character of the text that it was reached at.

    The updates after the start are left out.
    """
    last = max(smooth_loss)
    start = min(LEFT_OUT / (1 - KEPT), last / 2)
    found: dict[int, Curve] = {}
    for update, loss in smooth_loss.items():
        if update >= start:
            found.setdefault(update // epoch + 1, {})[update % epoch * seq_length] = loss
    return found


def earlier(epochs: dict[int, Curve], epoch: int, place: int) -> tuple[float, float] | None:
    """Return smooth loss at the place in that epoch, and its mean there; None where the epoch is not known whole."""
    curve = epochs.get(epoch, {})
    if not curve or min(curve) > place or len(curve) < max(len(each) for each in epochs.values()) - 1:
        return None
    return float(_at(curve, [place])[0]), float(np.mean(list(curve.values())))


def pair_costs(ids: Numbers, K: int, seq_length: int) -> Array:
    """Return what each sequence of the text costs who has counted its pairs of characters: nats (sequences,).

    Pairs are counted in the text itself, and the cost of a character is −log p(character | the one before).
    """
    read = ids[:].astype(np.int64)
    pairs = read[:-1] * K + read[1:]
    counts = np.bincount(pairs, minlength=K * K).reshape(K, K)
    firsts = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    costs = log(firsts / np.maximum(counts, 1)).ravel()[pairs]
    sequences = len(costs) // seq_length
    nats: Array = costs[: sequences * seq_length].reshape(sequences, seq_length).sum(axis=1)
    return nats


def smoothed(costs: Array, seq_length: int) -> Curve:
    """Return the costs smoothed as smooth loss is, every EVERY sequences, by the character where they stand.

    It goes round once before, so that the beginning of the text follows on its end, as in training.
    """
    blocks = [float(costs[start : start + EVERY].mean()) for start in range(0, len(costs), EVERY)]
    kept = math.prod([KEPT] * EVERY)  # `**` is the C library's pow, which rounds differently in another library
    smooth = float(costs.mean())
    found: Curve = {}
    for n, block in enumerate([*blocks, *blocks]):
        found[n % len(blocks) * EVERY * seq_length] = smooth
        smooth = kept * smooth + (1 - kept) * block
    return found


def agreement(loss: Curve, pairs: Curve) -> float | None:
    """Return the correlation of two curves, each by place, over the places of the first; None where either is flat."""
    if len(loss) < 10:
        return None
    at, values = _at(pairs, list(loss)), np.array(list(loss.values()))
    if min(np.ptp(at), np.ptp(values)) < 1e-9:
        return None
    return float(correlations(at[:, None], values)[0])


def _at(curve: Curve, places: list[int]) -> Array:
    """Return what np.interp does, whose compiled code may fuse a multiplication with an addition."""
    x, y = np.array(list(curve), float), np.array(list(curve.values()))
    left = np.clip(np.searchsorted(x, places, "right") - 1, 0, max(len(x) - 2, 0))
    right = np.minimum(left + 1, len(x) - 1)
    part = np.clip((places - x[left]) / np.maximum(x[right] - x[left], 1), 0, 1)
    values: Array = y[left] + part * (y[right] - y[left])
    return values


def _picture(results: Results, epochs: dict[int, Curve], pairs: Curve | None) -> Picture:
    """Return smooth loss by position, a line for each epoch, and below it what pairs of characters cost there."""
    train, end = results.train, results.text.training_characters
    looks = [(BLUE, "-"), (GREY, "--"), (GREY, ":"), (FAINT, "-"), (FAINT, "--")]
    with drawing(3.6 if pairs else 2.6, panels=(2, 1) if pairs else (1,)) as (figure, panels):
        for (epoch, curve), (color, line) in zip(reversed(epochs.items()), looks, strict=False):
            draw(panels[0], curve, color, f"epoch {epoch}", linestyle=line)
        place = train.best_update % train.updates_per_epoch * results.params.seq_length
        mark(panels[0], (place, train.best_smooth_loss), "^", 0, -7)
        panels[0].margins(y=0.12)
        panels[0].legend(loc="upper right", ncols=3)
        panels[0].set_title("smooth loss")
        if pairs:
            draw(panels[1], pairs, PINK)
            panels[1].set_title("pairs")
        panels[-1].set_xlim(0, max(end, 1))
        panels[-1].xaxis.set_major_formatter(update_label)
        panels[-1].set_xlabel("character of the text")
    caption = f"Smooth loss by the place in the text where it was reached; the triangle is the lowest, at {place:,}."
    if pairs:
        caption += (
            " Below, smoothed in the same way: what each place costs a reader who has counted pairs of characters and "
            "learns nothing. Where both fall, the text itself is easier."
        )
    columns = {f"epoch {epoch}": curve for epoch, curve in epochs.items()} | ({"pairs": pairs} if pairs else {})
    rows = []
    for low, high in pairwise(np.linspace(0, end, 41)):
        means = [[value for at, value in curve.items() if low <= at < high] for curve in columns.values()]
        rows.append((f"{low:,.0f}", *(f"{np.mean(each):.2f}" if each else "" for each in means)))
    return pictured(
        figure, "fold", "smooth loss by position in the text, nats per sequence", caption,
        Table(("from character", *columns), rows),
    )  # fmt: skip
