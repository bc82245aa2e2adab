"""The section on smooth loss by position in the text, which explains at which update smooth loss is lowest.

A bigram model, which learns nothing, is measured in the same way. If its loss is low at the same positions, the text
itself is easier there. Both curves have a point at the beginning of every EVERY-th sequence of the text.
"""

import math

import numpy as np

from charloom.core.base.types import Array
from charloom.core.kernel.arrays import log
from charloom.core.network.order import AS_IT_STANDS
from charloom.pages.along_updates import Curve, draw, mark, over_updates, settled, table_of
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.experiment.units import correlations
from charloom.pages.pictures import BLUE, GREY, PINK, drawing, pictured, write_legend
from charloom.pages.sections import Section

LOOKS = ((BLUE, "-"), (GREY, "--"), (GREY, ":"))  # of the drawn epochs: the last ones, the latest first
LONGEST = 5_000_000  # most characters of a text whose pairs of characters are counted
KEPT = 0.999  # the share of the previous smooth loss in the next one
EVERY = 100  # updates between two points of plots/smooth_loss.csv


def section(results: Results) -> Section | None:
    """Return the section; None if the text is very long, or the run did not read all of it in order with batch 1."""
    train, text, T = results.train, results.text, results.params.seq_length
    in_order = results.params.loss_of == (T, 1, AS_IT_STANDS)
    if not in_order or results.epochs < 1 or text.training_characters > LONGEST:
        return None
    epochs = folded(settled(results.curves["smooth_loss"], train.updates), train.updates_per_epoch, T)
    drawn = dict(list(epochs.items())[-len(LOOKS) :])
    pairs = smoothed(pair_costs(results.corpus.training, text.K, T), T)
    place, longest = train.best_update % train.updates_per_epoch * T, max(drawn, key=lambda epoch: len(drawn[epoch]))
    with drawing(2.6) as (figure, axes):
        for (epoch, curve), (color, dashes) in zip(reversed(drawn.items()), LOOKS, strict=False):
            draw(axes, curve, color, f"epoch {epoch}", linestyle=dashes)
        mark(axes, (place, train.best_smooth_loss), "^", 0, -7)
        axes.margins(y=0.12)
        over_updates(axes, text.training_characters, what="character of the text")
        write_legend(figure, axes, "smooth loss (nats per sequence)")
    columns = {f"epoch {epoch}": curve for epoch, curve in drawn.items()}
    fold = pictured(
        figure, "fold", "smooth loss by position in the text",
        f"Smooth loss by position in the text. The triangle is the lowest value, at character {place:,}.",
        table_of(columns, ".2f", "from character"),
    )  # fmt: skip
    with drawing(2.6) as (figure, axes):
        draw(axes, pairs, PINK)
        over_updates(axes, text.training_characters, what="character of the text")
        axes.set_title("loss of pairs (nats per sequence)")
    of_pairs = pictured(
        figure, "pairs", "loss of pairs of characters by position in the text",
        "The loss of counted pairs of characters (a bigram model, which learns nothing), smoothed in the same way. If "
        "both curves fall, the text itself is easier there.",
        table_of({"pairs": pairs}, ".2f", "from character"),
    )  # fmt: skip
    values = np.array(list(drawn[longest].values()))
    it = {
        "place": place,
        "share": place / text.training_characters,
        "epoch": train.best_update // train.updates_per_epoch + 1,
        "longest": longest,
        "correlation": float(correlations(np.array([[pairs[at]] for at in drawn[longest]]), values)[0]),
        "behind": round(1 / (1 - KEPT)) * T,
    }
    return Section("position", "Where in the text the loss is low", it, [fold, of_pairs])


def folded(smooth_loss: Curve, epoch: int, seq_length: int) -> dict[int, Curve]:
    """Return, for each epoch from 1 on, the smooth loss by the position in the text, in characters.

    smooth_loss  smooth loss by update
    epoch        number of updates of an epoch
    """
    curves: dict[int, Curve] = {}
    for update, loss in smooth_loss.items():
        curves.setdefault(update // epoch + 1, {})[update % epoch // EVERY * EVERY * seq_length] = loss
    return curves


def pair_costs(ids: Array, K: int, seq_length: int) -> Array:
    """Return the loss of a bigram model on each sequence of the text, in nats: (sequences,).

    The bigrams are counted in the text itself. The loss of a character is −log p(character | previous character). An
    incomplete last sequence is left out.

    ids  (characters,) ids of the text
    K    number of different characters
    """
    read = ids[:].astype(np.int64)
    _, pairs, counts = np.unique(read[:-1] * K + read[1:], return_inverse=True, return_counts=True)
    costs = log(np.bincount(read[:-1], minlength=K)[read[:-1]] / counts[pairs])
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
