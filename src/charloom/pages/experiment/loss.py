"""The section on the loss: smooth loss by update, whole and enlarged (the report's Figure 1), and held-out loss."""

from matplotlib.axes import Axes

from charloom.core.settings.records import MEASURE_OF_PART
from charloom.pages.along_updates import MANY_EPOCHS, Curve, draw, mark, over_updates, settled, table_of
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.pictures import BLUE, GREY, VERMILION, drawing, limits, pictured
from charloom.pages.sections import Picture, Section

UNITS = "nats per sequence"
PUBLISHED = "published run, on another novel"
LECTURER = "the lecturer’s run on this novel"


def section(results: Results) -> Section:
    """Return the section with pictures of the losses by update; without held-out text, of the smooth loss only."""
    others = elsewhere(results)
    held_out = [_held_out(results)] if results.curves[MEASURE_OF_PART] else []
    pictures = [*held_out, _whole(results, others), _enlarged(results, others)]
    return Section("loss", "How the loss fell", {"published": PUBLISHED in others}, pictures)


def elsewhere(results: Results) -> dict[str, Curve]:
    """Return the smooth losses of other people's runs that can be compared with this run's, by name.

    The curves end at this run's last update. A public report is a curve of one point. Empty curves are left out.
    """
    curves = {PUBLISHED: results.published_curve}
    if edition := results.edition:
        curves[LECTURER] = edition.lecturer
        curves |= {f"report by {row.repository}": {row.update: row.smooth_loss} for row in edition.reports}
    ended = {name: {u: loss for u, loss in own.items() if u <= results.train.updates} for name, own in curves.items()}
    return {name: own for name, own in ended.items() if own}


def _whole(results: Results, others: dict[str, Curve]) -> Picture:
    """Return the picture of the smooth loss of all updates, with dashed lines at the losses of counted n-grams.

    others  curves of other runs, see `elsewhere`
    """
    curve, levels = results.curves["smooth_loss"], results.text.nats_per_sequence.model_dump()
    with drawing(2.7) as (figure, axes):
        _draw(results, axes, f"smooth loss ({UNITS})", curve, others)
        for level in levels.values():
            axes.axhline(level, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)), zorder=0)
        axes.set_ylim(0, 1.1 * max([*curve.values(), *levels.values()]) or 1.0)
    caption = (
        f"From {next(iter(curve.values())):.1f} at the start to {results.train.smooth_loss:.1f} at the end. Dashed: a "
        "uniform guess, and counted n-grams on the training text ("
        + ", ".join(f"{name} {level:.1f}" for name, level in levels.items())
        + ")."
        + f" Circles: other people’s runs ({', '.join(others)})." * bool(others)
    )
    table = table_of({"smooth loss": curve, **others}, ".3f")
    return pictured(figure, "loss-whole", f"smooth loss over all updates, {UNITS}", caption, table)


def _enlarged(results: Results, others: dict[str, Curve]) -> Picture:
    """Return the picture of the smooth loss after the first twentieth of the updates.

    The picture also has the means of the epochs if there are two or more, the lowest smooth loss, and the points of
    other runs (see `elsewhere`).
    """
    train, later = results.train, settled(results.curves["smooth_loss"], results.train.updates)
    start, means = next(iter(later)), results.curves["epoch_mean"]
    later_others = {name: {u: loss for u, loss in own.items() if u >= start} for name, own in others.items()}
    losses = [
        *later.values(),
        train.best_smooth_loss,
        *(loss for own in later_others.values() for loss in own.values()),
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
        mark(axes, (train.best_update, train.best_smooth_loss), "^", 0, -7)
    table = table_of({"smooth loss": later, **columns}, ".3f")
    return pictured(figure, "loss-enlarged", f"smooth loss after the start, {UNITS}", caption, table)


def _held_out(results: Results) -> Picture:
    """Return the picture of the checkpoints' losses on the first part of the held-out text, in bits per character."""
    train, curve = results.train, results.curves[MEASURE_OF_PART]
    later = settled(curve, train.updates)
    with drawing(2.2) as (figure, axes):
        _draw(results, axes, "held-out loss (bits per character)", later, {})
        if train.held_out_bits_per_character is not None:
            axes.set_ylim(limits([*later.values(), train.held_out_bits_per_character]))
            mark(axes, (train.updates, train.held_out_bits_per_character), "D", 10, 0)
    lowest, bits = train.lowest_held_out_part_update, train.lowest_held_out_part_bits_per_character
    return pictured(
        figure, "held-out", "held-out loss of the checkpoints, bits per character",
        "The loss on held-out text, which training never saw, measured on a part of it at each checkpoint. The diamond "
        f"is the loss of the last model on {train.held_out_characters_read:,} characters."
        + ("" if bits is None else f" The lowest point is {bits:.3f}, after {lowest:,} updates.")
        + " Checkpoints in the first twentieth of the updates are left out." * (len(later) < len(curve)),
        table_of({"bits per character": curve}, ".4f"),
    )  # fmt: skip


def _draw(results: Results, axes: Axes, title: str, curve: Curve, others: dict[str, Curve]) -> None:
    """Draw this run's curve over the updates, and a circle for each point of other runs (see `elsewhere`)."""
    over_updates(axes, results.train.updates, results.train.updates_per_epoch)
    draw(axes, curve, BLUE)
    for own in others.values():
        axes.plot(list(own), list(own.values()), "o", color=VERMILION, mfc="none", ms=4.5, clip_on=False)
    axes.set_title(title)
