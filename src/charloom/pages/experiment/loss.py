"""The section on the loss: smooth loss by update, whole and enlarged (the report's Figure 1), and held-out loss."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from matplotlib.axes import Axes

from charloom.pages.along_updates import MANY_EPOCHS, Curve, by_update, draw, mark, over_updates, settled, table_of
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.pictures import BLUE, GREY, PAPER, VERMILION, drawing, limits, pictured
from charloom.pages.sections import Picture, Section
from charloom.results.records import MEASURE_OF_PART, TrainMetrics

UNITS = "nats per sequence"
Points = Mapping[str, list[tuple[int, float]]]  # updates and smooth losses of others, by source: a key of SIGNS
PUBLISHED, LECTURER, REPORTS = "published", "lecturer", "public reports"
SIGNS = {
    PUBLISHED: ("o", "Circles: the published run, on another novel."),
    LECTURER: ("o", "Circles: the run of the lecturer, on this novel."),
    REPORTS: ("s", "Squares: public reports on this novel, one run each."),
}
BEHIND: Any = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8}  # background of a text that lines would cross


def section(results: Results) -> Section:
    """Return the section with pictures of the losses by update; without held-out text, of the smooth loss only."""
    others = {name: points for name, points in elsewhere(results).items() if points}
    held_out = [_held_out(results)] if results.curves[MEASURE_OF_PART] else []
    pictures = [*held_out, _whole(results, others), _enlarged(results, others)]
    return Section("loss", "How the loss fell", {"published": PUBLISHED in others}, pictures)


def elsewhere(results: Results) -> Points:
    """Return the smooth losses of other people's runs that can be compared with this run's, by source.

    A source is a key of SIGNS; its points (update, nats per sequence) end at this run's last update, and may be [].
    """
    sources = {PUBLISHED: list(results.published_curve.items())}
    if edition := results.edition:
        sources[LECTURER] = list(edition.lecturer.items())
        sources[REPORTS] = [(report.update, report.smooth_loss) for report in edition.reports]
    return {name: [point for point in points if point[0] <= results.train.updates] for name, points in sources.items()}


def _whole(results: Results, others: Points) -> Picture:
    """Return the picture of the smooth loss of all updates, with dashed lines at the losses of counted n-grams.

    others  points of other runs, see `elsewhere`
    """
    train, curve = results.train, results.curves["smooth_loss"]
    with drawing(2.7) as (figure, (axes,)):
        _draw(results, axes, f"smooth loss ({UNITS})", curve, others)
        top = 1.1 * max([*curve.values(), results.text.nats_per_sequence.uniform]) or 1.0
        written = -top
        for name, level in reversed(results.text.nats_per_sequence.model_dump().items()):
            axes.axhline(level, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)), zorder=0)
            if level > written + top / 15:  # otherwise it would cover the label below
                written, label = level, name if name == "uniform" else f"in-sample {name}"
                axes.annotate(
                    label, (1, level), xycoords=("axes fraction", "data"), xytext=(0, 2), textcoords="offset points",
                    ha="right", fontsize=7.5, color=GREY, bbox=BEHIND, zorder=1,
                )  # fmt: skip
        axes.set_ylim(0, top)
    first = next(iter(curve.values()))
    caption = (
        f"From {first:.1f} at the start to {train.smooth_loss:.1f} at the end. Dashed: the losses of counted n-grams."
    )
    columns = [("smooth loss", {update: f"{loss:.3f}" for update, loss in curve.items()})]
    for name, points in others.items():
        by: dict[int, list[str]] = {}
        for update, loss in points:
            by.setdefault(update, []).append(f"{loss:.3f}")
        columns.append((name, {update: ", ".join(sorted(losses)) for update, losses in by.items()}))
    return pictured(
        figure, "loss-whole", f"smooth loss over all updates, {UNITS}",
        " ".join([caption, *(SIGNS[name][1] for name in others)]), by_update(columns),
    )  # fmt: skip


def _enlarged(results: Results, others: Points) -> Picture:
    """Return the picture of the smooth loss after the first twentieth of the updates.

    The picture also has the means of the epochs if there are two or more, the lowest smooth loss, the first one below
    the target, and the points of other runs (see `elsewhere`).
    """
    train, later = results.train, settled(results.curves["smooth_loss"], results.train.updates)
    start, means = next(iter(later)), results.curves["epoch_mean"]
    barred = 1 < len(means) <= MANY_EPOCHS
    later_others = {name: [point for point in points if point[0] >= start] for name, points in others.items()}
    first, target = train.first_update_below_target, results.params.train.target_smooth_loss
    with drawing(2.7) as (figure, (axes,)):
        _draw(results, axes, f"smooth loss ({UNITS})", later, later_others)
        begun = 0
        for end, mean in means.items() if barred else ():
            if end >= start:
                axes.plot([max(begun, start), end], [mean, mean], color=GREY, linewidth=2, alpha=0.5)
            begun = end
        losses = [*later.values(), train.best_smooth_loss, *(loss for row in later_others.values() for _, loss in row)]
        room = 0.14 * (max(losses) - min(losses)) or 1.0
        axes.set_ylim(min(losses) - room, max(losses) + room)
        mark(axes, (train.best_update, train.best_smooth_loss), "^", 0, -7)
        notes = [f"▲ lowest: {train.best_smooth_loss:.2f} after {train.best_update:,}"]
        if first is not None and first >= start:
            mark(axes, (first, target), "<", 7, 0, VERMILION)
            notes.append(f"◀ first below {target:g} after {first:,}")
        axes.text(1, 1, "\n".join(notes), transform=axes.transAxes, ha="right", va="top", bbox=BEHIND)
    caption = "Smooth loss after the first twentieth of the updates, enlarged."
    if barred:
        caption += " Grey bars: the mean loss of each epoch. Dotted lines: the beginnings of epochs."
    columns = {"smooth loss": later} | ({"mean loss of the epoch that ends there": means} if barred else {})
    return pictured(figure, "loss-enlarged", f"smooth loss after the start, {UNITS}", caption, table_of(columns, ".3f"))


def _held_out(results: Results) -> Picture:
    """Return the picture of the checkpoints' losses on the first part of the held-out text, in bits per character."""
    train, curve = results.train, results.curves[MEASURE_OF_PART]
    later = settled(curve, train.updates)
    with drawing(2.2) as (figure, (axes,)):
        _draw(results, axes, "bits per character", later)
        if train.held_out_bits_per_character is not None:
            axes.set_ylim(limits([*later.values(), train.held_out_bits_per_character]))
            mark(axes, (train.updates, train.held_out_bits_per_character), "D", 10, 0)
    return pictured(
        figure, "held-out", "held-out loss of the checkpoints, bits per character",
        "The loss on held-out text, which training never saw, measured on a part of it at each checkpoint. The diamond "
        f"is the loss of the last model on {train.held_out_characters_read:,} characters."
        + lowest_point(train, curve)
        + " Checkpoints in the first twentieth of the updates are left out." * (len(later) < len(curve)),
        table_of({"bits per character": curve}, ".4f"),
    )  # fmt: skip


def lowest_point(train: TrainMetrics, held_out: Curve) -> str:
    """Return a sentence about the lowest held-out loss, and about a later rise; "" if no lowest one is recorded.

    held_out  the checkpoints' losses on a part of the held-out text, in bits per character
    """
    update, bits = train.lowest_held_out_part_update, train.lowest_held_out_part_bits_per_character
    if update is None or bits is None:
        return ""
    last, end = list(held_out.items())[-1]
    after = f"; then the loss rises to {end:.3f} after {last:,}" if last > update and end > bits else ""
    return f" The lowest point is {bits:.3f}, after {update:,} updates{after}."


def _draw(results: Results, axes: Axes, title: str, curve: Curve, others: Points = MappingProxyType({})) -> None:
    """Draw this run's curve over the updates, and a marker for each point of other runs (see `elsewhere`)."""
    over_updates(axes, results.train.updates, results.train.updates_per_epoch)
    draw(axes, curve, BLUE)
    for name, points in others.items():
        for point in points:
            axes.plot(*zip(point), SIGNS[name][0], color=VERMILION, mfc="none", ms=4.5, clip_on=False)
    axes.set_title(title)
