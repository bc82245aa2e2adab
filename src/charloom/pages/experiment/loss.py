"""Two sections on the loss: by update, and by position in the text, which explains when smooth loss is lowest.

By update: smooth loss, whole and enlarged (the report's Figure 1), and held-out cost. By position: smooth loss, and the
loss of a bigram model, which learns nothing. If both are low at the same positions, the text itself is easier there.
Both curves have a point at the beginning of every EVERY-th sequence of the text.
"""

import math

import numpy as np
from matplotlib.axes import Axes

from charloom.core.base.types import Array
from charloom.core.config.records import PART_MEASURE
from charloom.core.kernel.arrays import log
from charloom.core.network.order import AS_IT_STANDS
from charloom.pages.along_updates import MANY_EPOCHS, draw, mark, over_updates, settled, table_of
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.pictures import BLUE, GREY, PINK, VERMILION, as_picture, drawing, limits, write_legend
from charloom.pages.sections import PageSection, Picture
from charloom.results.run import Curve

UNITS = "nats per sequence"
PUBLISHED = "published run, on another novel"
LECTURER = "the lecturer’s run on this novel"
BY_PLACE = ((BLUE, "-"), (GREY, "--"), (GREY, ":"))  # styles of the drawn epochs, the last epoch first
LONGEST = 5_000_000  # most characters of a text whose pairs of characters are counted
KEPT = 0.999  # the share of the previous smooth loss in the next one
EVERY = 100  # updates between two points of plots/smooth_loss.csv


def section(results: Results) -> PageSection:
    """Return the section with pictures of smooth loss and, if a text was held out, of held-out cost, by update."""
    others = curves_of_others(results)
    held_out = [_held_out(results)] if results.curves[PART_MEASURE] else []
    pictures = [*held_out, _whole(results, others), _enlarged(results, others)]
    return PageSection("loss", "How the loss fell", {"published": PUBLISHED in others}, pictures)


def curves_of_others(results: Results) -> dict[str, Curve]:
    """Return, by name, the published smooth losses of other people's runs that can be compared with this run.

    The curves end at this run's last update. A public report gives a curve of one point. Empty curves are left out.
    """
    curves = {PUBLISHED: results.published_curve}
    if edition := results.edition:
        curves[LECTURER] = edition.lecturer
        curves |= {f"report by {row.repository}": {row.update: row.smooth_loss} for row in edition.reports}
    last = results.train.updates
    ended = {name: {u: loss for u, loss in curve.items() if u <= last} for name, curve in curves.items()}
    return {name: curve for name, curve in ended.items() if curve}


def _whole(results: Results, others: dict[str, Curve]) -> Picture:
    """Return the picture of the smooth loss of all updates, with dashed lines at the losses of n-gram models.

    others  curves of other runs, see `curves_of_others`
    """
    curve, levels = results.curves["smooth_loss"], results.text.nats_per_sequence.model_dump()
    with drawing(2.7) as (figure, axes):
        _draw(results, axes, f"smooth loss ({UNITS})", curve, others)
        axes.set_ylim(0, 1.1 * max([*curve.values(), *levels.values()]) or 1.0)
        _draw_levels(axes, levels)
    counted = ", ".join(f"{name} {level:.1f}" for name, level in levels.items())
    caption = (
        f"From {next(iter(curve.values())):.1f} at the start to {results.train.smooth_loss:.1f} at the end. Dashed: a "
        f"uniform guess, and counted n-grams on the training text ({counted})."
    )
    if others:
        caption += f" Circles: other people’s runs ({', '.join(others)})."
    table = table_of({"smooth loss": curve, **others}, ".3f")
    return as_picture(figure, "loss-whole", f"smooth loss over all updates, {UNITS}", caption, table)


def _enlarged(results: Results, others: dict[str, Curve]) -> Picture:
    """Return the picture of the smooth loss after the first twentieth of the updates.

    The picture also has the lowest smooth loss, the points of other runs (see `curves_of_others`), and the mean loss of
    each epoch, for 2 to MANY_EPOCHS epochs.
    """
    train, later = results.train, settled(results.curves["smooth_loss"], results.train.updates)
    start, means = next(iter(later)), results.curves["epoch_mean"]
    later_others = {name: {u: loss for u, loss in points.items() if u >= start} for name, points in others.items()}
    losses = [
        *later.values(),
        train.best_smooth_loss,
        *(x for points in later_others.values() for x in points.values()),
    ]
    caption, columns = "Smooth loss after the first twentieth of the updates, enlarged. Triangle: its minimum.", {}
    with drawing(2.7) as (figure, axes):
        _draw(results, axes, f"smooth loss ({UNITS})", later, later_others)
        if 1 < len(means) <= MANY_EPOCHS:
            for begin, (end, mean) in zip([0, *means], means.items(), strict=False):
                axes.plot([begin, end], [mean, mean], color=GREY, linewidth=2, alpha=0.5, zorder=0)
            caption += " Grey bars: the mean loss of each epoch. Dotted lines: the beginnings of epochs."
            columns = {"mean loss of the epoch that ends there": means}
        axes.set_ylim(limits(losses))
        _draw_levels(axes, results.text.nats_per_sequence.model_dump())
        mark(axes, (train.best_update, train.best_smooth_loss), "^", 0, -7)
    table = table_of({"smooth loss": later, **columns}, ".3f")
    return as_picture(figure, "loss-enlarged", f"smooth loss after the start, {UNITS}", caption, table)


def _draw_levels(axes: Axes, levels: dict[str, float]) -> None:
    """Draw a dashed line, with its name, at each of the levels that is inside the y axis.

    levels  cost of the text with each n-gram model, by the model's name: see records.Levels
    """
    low, high = axes.get_ylim()
    for name, level in levels.items():
        if low <= level <= high:
            axes.axhline(level, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)), zorder=0)
            at = axes.get_yaxis_transform()
            axes.text(1, level, f"{name} {level:.3g}", color=GREY, size=7, ha="right", va="bottom", transform=at)


def _held_out(results: Results) -> Picture:
    """Return the picture of the cost of a part of the held-out text at each checkpoint, in bits per character."""
    train, curve = results.train, results.curves[PART_MEASURE]
    later = settled(curve, train.updates)
    with drawing(2.7) as (figure, axes):
        _draw(results, axes, "held-out cost (bits per character)", later, {})
        if train.held_out_bits_per_character is not None:
            axes.set_ylim(limits([*later.values(), train.held_out_bits_per_character]))
            mark(axes, (train.updates, train.held_out_bits_per_character), "D", 10, 0)
        _draw_levels(axes, results.text.bits_per_character.model_dump())
    lowest, bits = train.lowest_held_out_part_update, train.lowest_held_out_part_bits_per_character
    return as_picture(
        figure, "held-out", "held-out cost at the checkpoints, bits per character",
        "The cost of held-out text, which training never saw, measured on a part of it at each checkpoint. The diamond "
        f"is the cost of {train.held_out_characters_read:,} characters with the last model."
        + ("" if bits is None else f" The lowest point is {bits:.3f}, after {lowest:,} updates.")
        + (" Checkpoints in the first twentieth of the updates are left out." if len(later) < len(curve) else ""),
        table_of({"bits per character": curve}, ".4f"),
    )  # fmt: skip


def _draw(results: Results, axes: Axes, title: str, curve: Curve, others: dict[str, Curve]) -> None:
    """Draw this run's curve over the updates, and a circle for each point of other runs (see `curves_of_others`)."""
    over_updates(axes, results.train.updates, results.train.updates_per_epoch)
    draw(axes, curve, BLUE)
    for points in others.values():
        axes.plot(list(points), list(points.values()), "o", color=VERMILION, mfc="none", ms=4.5, clip_on=False)
    axes.set_title(title)


def by_position(results: Results) -> PageSection | None:
    """Return the section on the loss by position in the text, or None.

    None if the text has more than LONGEST characters, or if training did not read all of it from front to back with
    batch 1.
    """
    train, text, T = results.train, results.text, results.params.seq_length
    in_order = results.params.loss_of == (T, 1, AS_IT_STANDS)
    if not in_order or results.epochs < 1 or text.training_characters > LONGEST:
        return None
    epochs = folded(settled(results.curves["smooth_loss"], train.updates), train.updates_per_epoch, T)
    drawn = dict(list(epochs.items())[-len(BY_PLACE) :])
    pairs = smoothed(pair_costs(results.corpus.training, text.K, T), T)
    place = train.best_update % train.updates_per_epoch * T
    with drawing(2.6) as (figure, axes):
        for (epoch, curve), (color, dashes) in zip(reversed(drawn.items()), BY_PLACE, strict=False):
            draw(axes, curve, color, f"epoch {epoch}", linestyle=dashes)
        mark(axes, (place, train.best_smooth_loss), "^", 0, -7)
        axes.margins(y=0.12)
        over_updates(axes, text.training_characters, label="character of the text")
        write_legend(figure, axes, "smooth loss (nats per sequence)")
    columns = {f"epoch {epoch}": curve for epoch, curve in drawn.items()}
    fold = as_picture(
        figure, "fold", "smooth loss by position in the text",
        f"Smooth loss by position in the text. The triangle is the lowest value, at character {place:,}.",
        table_of(columns, ".2f", "from character"),
    )  # fmt: skip
    with drawing(2.6) as (figure, axes):
        draw(axes, pairs, PINK)
        over_updates(axes, text.training_characters, label="character of the text")
        axes.set_title("loss of pairs (nats per sequence)")
    of_pairs = as_picture(
        figure, "pairs", "loss of pairs of characters by position in the text",
        "The loss of counted pairs of characters (a bigram model, which learns nothing), smoothed in the same way. If "
        "both curves fall, the text itself is easier there.",
        table_of({"pairs": pairs}, ".2f", "from character"),
    )  # fmt: skip
    it = {
        "place": place,
        "share": place / text.training_characters,
        "epoch": train.best_update // train.updates_per_epoch + 1,
        "behind": round(1 / (1 - KEPT)) * T,
    }
    return PageSection("position", "Where in the text the loss is low", it, [fold, of_pairs])


def folded(smooth_loss: Curve, epoch: int, seq_length: int) -> dict[int, Curve]:
    """Return, for each epoch from 1 on, the smooth loss by the position in the text, in characters.

    smooth_loss  smooth loss, in nats per sequence, by update
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
    pairs = read[:-1] * K + read[1:]
    if len(pairs) < K * K:  # fewer pairs occur: number them
        pairs = np.unique(pairs, return_inverse=True)[1]
    costs = log(np.bincount(read[:-1])[read[:-1]] / np.bincount(pairs)[pairs])
    sequences = len(costs) // seq_length
    nats: Array = costs[: sequences * seq_length].reshape(sequences, seq_length).sum(axis=1)
    return nats


def smoothed(costs: Array, seq_length: int) -> Curve:
    """Return the costs, smoothed like smooth loss, at every EVERY-th sequence, by position in characters.

    The costs are read twice, and the result is that of the second reading, in which the end of the text precedes the
    beginning, as in training.

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
