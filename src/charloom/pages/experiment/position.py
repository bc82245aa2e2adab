"""The section on smooth loss by position in the text, which explains at which update smooth loss is lowest.

A bigram model, which learns nothing, is measured in the same way. If its loss is low at the same positions, the text
itself is easier there.
"""

import math
from itertools import accumulate, pairwise

import numpy as np

from charloom.base.types import Array
from charloom.kernel.arrays import log
from charloom.network.order import READING
from charloom.pages.along_updates import Curve, draw, mark, over_updates, settled
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.experiment.units import correlations
from charloom.pages.pictures import BLUE, FAINT, GREY, PINK, drawing, pictured
from charloom.pages.sections import Picture, Section, Table

EPOCHS = 5  # most epochs that are drawn: the last ones
LONGEST = 5_000_000  # most characters of a text whose pairs of characters are counted
MANY = 5_000  # most distinct characters of a text whose pairs are counted
KEPT = 0.999  # the share of the previous smooth loss in the next one
EVERY = 100  # updates between two points of plots/smooth_loss.csv
LEFT_OUT = 5  # multiple of 1 / (1 − KEPT) updates that are left out at the start, where the loss falls steeply
EXCERPT = 240  # characters of the excerpt
SWING = 0.01  # least swing of a run with this section, as a share of its lowest smooth loss


def section(results: Results) -> Section | None:
    """Return the section; None if the run did not read the whole text in order with batch 1, or hardly swings."""
    train, T, curve = results.train, results.params.seq_length, results.curves["smooth_loss"]
    in_order = results.params.train.order == READING and results.params.batch == 1
    if not in_order or results.epochs < 1 or swing(curve) < SWING * train.best_smooth_loss:
        return None
    epochs = folded(curve, train.updates_per_epoch, T)
    drawn = dict(list(epochs.items())[-EPOCHS:])
    pairs, costly = None, None
    if results.text.training_characters <= LONGEST and results.text.K <= MANY:
        costs = pair_costs(results.corpus.training, results.text.K, T)
        pairs = smoothed(costs, T)
        dear = max(pairs, key=lambda at: pairs[at])
        start = costliest(costs, dear // T, max(1, EXCERPT // T)) * T
        text = results.best.vocabulary.decode(results.corpus.training[start : start + EXCERPT])
        costly = {"place": dear, "nats": pairs[dear], "mean": float(costs.mean()), "text": text}
    longest = max(drawn, key=lambda epoch: (len(drawn[epoch]), epoch))
    place = train.best_update % train.updates_per_epoch * T
    it = {
        "place": place,
        "share": place / results.text.training_characters,
        "epoch": train.best_update // train.updates_per_epoch + 1,
        "before": earlier(epochs, train.best_update // train.updates_per_epoch, place),
        "costly": costly,
        "whole": longest,
        "agrees": agreement(drawn[longest], pairs) if pairs else None,
        "behind": round(1 / (1 - KEPT)) * T,
    }
    return Section("position", "Where in the text the loss is low", it, [_picture(results, drawn, pairs)])


def swing(smooth_loss: Curve) -> float:
    """Return the largest rise of smooth loss above an earlier value, after the first twentieth of the updates."""
    losses = list(settled(smooth_loss, max(smooth_loss)).values())
    return max(loss - lowest for loss, lowest in zip(losses, accumulate(losses, min), strict=True))


def costliest(costs: Array, end: int, run: int) -> int:
    """Return the index of the first of those `run` successive sequences whose sum of costs is largest.

    If several sums are equal, the earliest counts. Only the sequences that smooth loss averages at the sequence `end`
    are searched: the 1 / (1 − KEPT) sequences before it.

    costs  (sequences,) cost of each sequence, in nats
    """
    end = max(end, run)
    first = max(0, end - round(1 / (1 - KEPT)))
    sums = np.cumsum(np.append(0, costs[first:end]))
    run = min(run, len(sums) - 1)
    return first + int((sums[run:] - sums[:-run]).argmax())


def folded(smooth_loss: Curve, epoch: int, seq_length: int) -> dict[int, Curve]:
    """Return, for each epoch from 1 on, the smooth loss by the position in the text, in characters.

    The first LEFT_OUT / (1 − KEPT) updates are left out, at most half of the run.

    smooth_loss  smooth loss by update
    epoch        number of updates of an epoch
    """
    last = max(smooth_loss)
    start = min(LEFT_OUT / (1 - KEPT), last / 2)
    curves: dict[int, Curve] = {}
    for update, loss in smooth_loss.items():
        if update >= start:
            curves.setdefault(update // epoch + 1, {})[update % epoch * seq_length] = loss
    return curves


def earlier(epochs: dict[int, Curve], epoch: int, place: int) -> tuple[float, float] | None:
    """Return the smooth loss at a position in an epoch, and the epoch's mean.

    None if the epoch is missing or incomplete, or if its curve begins after the position.

    epochs  the curves of `folded`
    epoch   number of the epoch, from 1
    place   position in characters
    """
    curve = epochs.get(epoch, {})
    if not curve or min(curve) > place or len(curve) < max(len(other) for other in epochs.values()) - 1:
        return None
    return float(_at(curve, [place])[0]), float(np.mean(list(curve.values())))


def pair_costs(ids: Array, K: int, seq_length: int) -> Array:
    """Return the loss of a bigram model on each sequence of the text, in nats: (sequences,).

    The bigrams are counted in the text itself. The loss of a character is −log p(character | previous character). An
    incomplete last sequence is left out.

    ids  (characters,) ids of the text
    K    number of different characters
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
    """Return the costs, smoothed like smooth loss, at every EVERY-th sequence, by position in characters.

    The costs are read twice, and the second reading counts: the text's beginning follows its end there, as in training.

    costs  (sequences,) cost of each sequence, in nats
    """
    blocks = [float(costs[start : start + EVERY].mean()) for start in range(0, len(costs), EVERY)]
    decay = math.prod([KEPT] * EVERY)  # not `**`: the pow of different C libraries rounds differently
    smooth = float(costs.mean())
    curve: Curve = {}
    for n, block in enumerate([*blocks, *blocks]):
        curve[n % len(blocks) * EVERY * seq_length] = smooth
        smooth = decay * smooth + (1 - decay) * block
    return curve


def agreement(loss: Curve, pairs: Curve) -> float | None:
    """Return Pearson's correlation of two curves at the positions of the first one.

    The result is None if a curve is constant, or if the first one has fewer than 10 points.
    """
    if len(loss) < 10:
        return None
    at, values = _at(pairs, list(loss)), np.array(list(loss.values()))
    if min(np.ptp(at), np.ptp(values)) < 1e-9:
        return None
    return float(correlations(at[:, None], values)[0])


def _at(curve: Curve, places: list[int]) -> Array:
    """Return the curve's values at the places, linearly interpolated; outside the curve, its first or last value.

    np.interp does the same, but its compiled code may fuse a multiplication and an addition, which changes bits.
    """
    x, y = np.array(list(curve), float), np.array(list(curve.values()))
    left = np.clip(np.searchsorted(x, places, "right") - 1, 0, max(len(x) - 2, 0))
    right = np.minimum(left + 1, len(x) - 1)
    part = np.clip((places - x[left]) / np.maximum(x[right] - x[left], 1), 0, 1)
    values: Array = y[left] + part * (y[right] - y[left])
    return values


def _picture(results: Results, epochs: dict[int, Curve], pairs: Curve | None) -> Picture:
    """Return the picture of smooth loss by position, with a line for each epoch, above the losses of bigrams.

    pairs  smoothed losses of bigrams by position; None: the picture has no second panel
    """
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
        over_updates(panels[-1], end, what="character of the text")
    caption = f"Smooth loss by position in the text. The triangle is the lowest value, at character {place:,}."
    if pairs:
        caption += (
            " Below: the loss of counted pairs of characters (a bigram model, which learns nothing), smoothed in the "
            "same way. If both curves fall, the text itself is easier there."
        )
    columns = {f"epoch {epoch}": curve for epoch, curve in epochs.items()} | ({"pairs": pairs} if pairs else {})
    rows = []
    for low, high in pairwise(np.linspace(0, end, 41)):
        means = [[value for at, value in curve.items() if low <= at < high] for curve in columns.values()]
        rows.append((f"{low:,.0f}", *(f"{np.mean(values):.2f}" if values else "" for values in means)))
    return pictured(
        figure, "fold", "smooth loss by position in the text, nats per sequence", caption,
        Table(("from character", *columns), rows),
    )  # fmt: skip
