"""Smooth loss along training, whole and enlarged, and what held-out text costs: its Figure 1."""

from matplotlib.axes import Axes

from charloom.pages.experiment.curves import BEHIND, MANY_EPOCHS, cells, draw, mark, over_updates, settled, thinned
from charloom.pages.experiment.results import Results
from charloom.pages.figures import Curve, published_curve
from charloom.pages.inline import BLUE, GREY, VERMILION, drawing, inline, pointer
from charloom.pages.page import Picture, Section, Table
from charloom.results.records import TrainMetrics

UNITS = "nats per sequence"


def section(results: Results) -> Section:
    """Return the section."""
    train, published = results.train, results.published
    shown = published_curve(published, results.text, results.params.seq_length)
    shown = {update: loss for update, loss in shown.items() if update <= train.updates}
    whole, whole_pointer = _whole(results, shown)
    enlarged, enlarged_pointer = _enlarged(results, shown)
    it = {
        "train": train,
        "target": results.params.train.target_smooth_loss,
        "published": published if shown else None,
        "pictures": [*([_held_out(results)] if results.held_out else []), whole, enlarged],
    }
    return Section("loss", "How the loss fell", it, {"loss-whole": whole_pointer, "loss-enlarged": enlarged_pointer})


def _whole(results: Results, published: Curve) -> tuple[Picture, dict[str, object]]:
    """Return the curve from its first update on, with the levels of counting, and what the pointer says."""
    train, curve = results.train, results.smooth_loss
    with drawing(2.7) as figure:
        axes = figure.subplots()
        over_updates(axes, train.updates, train.updates_per_epoch)
        top = 1.1 * max([*curve.values(), results.text.nats_per_sequence.uniform]) or 1.0
        written = -top
        for name, level in reversed(results.text.nats_per_sequence.model_dump().items()):
            axes.axhline(level, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)), zorder=0)
            if level > written + top / 15:  # else it would lie on the one below
                written, label = level, name if name == "uniform" else f"in-sample {name}"
                axes.annotate(
                    label, (1, level), xycoords=("axes fraction", "data"), xytext=(0, 2), textcoords="offset points",
                    ha="right", fontsize=7.5, color=GREY, bbox=BEHIND, zorder=1,
                )  # fmt: skip
        draw(axes, curve, BLUE)
        _dots(axes, published)
        axes.set_ylim(0, top)
        axes.set_title(f"smooth loss ({UNITS})")
        svg = inline(
            figure, "loss-whole", "Smooth loss over all updates",
            f"It starts at {next(iter(curve.values())):.1f} and ends at {train.smooth_loss:.1f} {UNITS}.",
        )  # fmt: skip
        points = thinned(curve, 300)
        said = {"update": [f"{u:,}" for u in points], "smooth loss": [f"{loss:.2f}" for loss in points.values()]}
        pointed = pointer(figure, axes, list(points), said)
    beside = {"smooth loss": curve} | ({"published": published} if published else {})
    return Picture(
        svg,
        "The whole curve. Dashed: what counting alone gets to."
        + (" Circles: the published run, on another novel." if published else ""),
        Table(("updates", *beside), cells(beside, ".3f")),
        f"smooth loss, {UNITS}",
    ), pointed


def _enlarged(results: Results, published: Curve) -> tuple[Picture, dict[str, object]]:
    """Return what comes after the start, with epochs, means, the lowest point and the first below the target."""
    train = results.train
    later = settled(results.smooth_loss, train.updates)
    circles = {update: loss for update, loss in published.items() if update >= next(iter(later))}
    first, target = train.first_update_below_target, results.params.train.target_smooth_loss
    with drawing(2.7) as figure:
        axes = figure.subplots()
        over_updates(axes, train.updates, train.updates_per_epoch)
        draw(axes, later, BLUE)
        _dots(axes, circles)
        begun = 0
        for end, mean in results.epoch_means.items() if len(results.epoch_means) <= MANY_EPOCHS else ():
            if end >= next(iter(later)):
                axes.plot([max(begun, next(iter(later))), end], [mean, mean], color=GREY, linewidth=2, alpha=0.5)
            begun = end
        low, high = min([*later.values(), *circles.values(), train.best_smooth_loss]), max(later.values())
        high = max([high, *circles.values()])
        room = 0.14 * (high - low) or 1.0
        axes.set_ylim(low - room, high + room)
        mark(axes, (train.best_update, train.best_smooth_loss), "^", 0, -7)
        notes = [f"▲ lowest: {train.best_smooth_loss:.2f} after {train.best_update:,}"]
        if first is not None and first >= next(iter(later)):
            mark(axes, (first, target), "<", 7, 0, VERMILION)
            notes.append(f"◀ first below {target:g} after {first:,}")
        axes.text(1, 1, "\n".join(notes), transform=axes.transAxes, ha="right", va="top", bbox=BEHIND)
        axes.set_title(f"smooth loss ({UNITS})")
        svg = inline(
            figure, "loss-enlarged", "Smooth loss after the start, enlarged",
            f"Between {min(later.values()):.1f} and {max(later.values()):.1f} {UNITS}; the lowest is "
            f"{train.best_smooth_loss:.2f} after {train.best_update:,} updates.",
        )  # fmt: skip
        points = thinned(later, 300)
        said = {"update": [f"{u:,}" for u in points], "smooth loss": [f"{loss:.2f}" for loss in points.values()]}
        pointed = pointer(figure, axes, list(points), said)
    return Picture(
        svg,
        "The same without its first twentieth, enlarged. Grey bars: the mean loss of each epoch; dotted: where an "
        "epoch begins. Why it swings: see the last section.",
        Table(("last update of the epoch", "mean loss"), cells({"mean": results.epoch_means}, ".3f")),
        f"mean loss of each epoch, {UNITS}",
    ), pointed


def _held_out(results: Results) -> Picture:
    """Return what the first held-out characters cost each checkpoint."""
    train, curve = results.train, results.held_out
    later = settled(curve, train.updates)
    with drawing(2.2) as figure:
        axes = figure.subplots()
        over_updates(axes, train.updates, train.updates_per_epoch)
        draw(axes, later, BLUE)
        measure = train.held_out_bits_per_character
        if measure is not None:
            mark(axes, (train.updates, measure), "D", 10, 0)
        axes.set_title("bits per character")
        svg = inline(
            figure, "held-out", "What held-out text costs the checkpoints",
            ", ".join(f"{bits:.3f} after {update:,}" for update, bits in thinned(later, 12).items()),
        )  # fmt: skip
    return Picture(
        svg,
        "What text that training never saw costs, measured on a part of it at each checkpoint. The diamond, beside the "
        f"last one, is the measure of record, on {train.held_out_characters_read:,} characters."
        + lowest_point(train, curve)
        + (" The first checkpoint, which knows nothing yet, is left out." if len(later) < len(curve) else ""),
        Table(("updates", "bits per character"), cells({"bits": curve}, ".4f")),
        "bits per held-out character",
    )


def lowest_point(train: TrainMetrics, held_out: Curve) -> str:
    """Return a sentence on the lowest point of the curve, and on what comes after it; nothing where it is not known."""
    update, bits = train.lowest_held_out_part_update, train.lowest_held_out_part_bits_per_character
    if update is None or bits is None:
        return ""
    last, end = list(held_out.items())[-1]
    after = f"; then it rises, to {end:.3f} after {last:,}" if last > update and end > bits else ""
    return f" The lowest point is {bits:.3f}, after {update:,} updates{after}."


def _dots(axes: Axes, published: Curve) -> None:
    axes.plot(list(published), list(published.values()), "o", color=VERMILION, mfc="none", ms=4.5, clip_on=False)
