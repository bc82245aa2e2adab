"""Write the page of two runs as HTML. Templates and styles are in templates/, and extend those of `pages`."""

from pathlib import Path

from charloom.core.base.terminal import visible
from charloom.core.config.records import PART_MEASURE
from charloom.pages.along_updates import draw, over_updates, settled, table_of
from charloom.pages.pictures import BLUE, FAINT, GREY, VERMILION, as_picture, drawing, limits, write_legend
from charloom.pages.sections import PageSection, Picture, Table, rendered
from charloom.two_runs.comparison import Comparison, named

OWN = Path(__file__).with_name("templates")
LONGEST_PATCH = 40_000  # characters of a patch that are shown
CURVES = {
    PART_MEASURE: "held-out cost, bits per character",
    "smooth_loss": "smooth loss, nats per sequence",
}


def two_runs_page(own: Comparison) -> str:
    """Return the page as HTML. Equal comparisons give equal bytes."""
    patch = {"patch": own.patch[:LONGEST_PATCH], "longest": LONGEST_PATCH}
    sections = [PageSection("difference", "What differs", patch)]
    if own.kinds:
        told = own.kinds[0].half is not None
        cells = [(x.name, f"{x.characters:,}", f"{x.difference:+.4f}", f"± {x.half or 0:.4f}") for x in own.kinds]
        rows = [row[: 3 + told] for row in cells]
        head = ("kind of character", "characters", "B − A", "chance")[: 3 + told]
        sure = [row.name for row in own.kinds if row.beyond_chance]
        it = {"table": Table(head, rows), "sure": sure, "told": told}
        sections.append(PageSection("bits", "Where the bits went", it, [_positions(own)]))
    if curves := [picture for name in CURVES if (picture := _curves(own, name))]:
        sections.append(PageSection("along", "Curves", None, curves))
    title = f"Two runs: {own.a.name} and {own.b.name}"
    return rendered(title, f"A: {visible(named(own.a))}\nB: {visible(named(own.b))}", sections, folder=OWN, own=own)


def _positions(own: Comparison) -> Picture:
    """Return the picture of the parts of the difference by position in the text, with their bands."""
    with drawing(2.5) as (figure, axes):
        for place, row in enumerate(own.positions, 1):
            if row.half is not None:
                axes.bar(place, 2 * row.half, bottom=-row.half, width=1, color=FAINT)
            inside = row.half is not None and not row.beyond_chance
            axes.bar(place, row.difference, color=GREY if inside else BLUE if row.difference < 0 else VERMILION)
        axes.axhline(0, color=GREY, linewidth=0.6)
        axes.set_xticks(range(1, len(own.positions) + 1, 3))
        axes.set_xlabel("twentieth of the held-out text")
        axes.set_title("B − A, bits per character of the whole text")
    table = Table(("characters", "B − A"), [(row.name, f"{row.difference:+.4f}") for row in own.positions])
    caption = "Below 0, B costs less. The bars add up to the difference."
    if own.positions[0].half is not None:
        caption += " A grey bar is inside its band: it can be chance."
    return as_picture(figure, "positions", "B − A by position in the held-out text", caption, table)


def _curves(own: Comparison, name: str) -> Picture | None:
    """Return the picture of a curve that both runs have; None if it measures another thing in each run."""
    runs = {"A": own.a.run, "B": own.b.run}
    curves = {label: run.curves.get(name, {}) for label, run in runs.items()}
    measured = {x.params.loss_of if name == "smooth_loss" else x.params.part_length for x in runs.values()}
    if len(measured) > 1 or not all(curves.values()):
        return None
    updates = max(run.params.train.updates for run in runs.values())
    with drawing(2.5) as (figure, axes):
        later = {label: settled(curve, updates) for label, curve in curves.items()}
        for label, curve in later.items():
            draw(axes, curve, GREY if label == "A" else BLUE, label)
        over_updates(axes, updates)
        axes.set_ylim(limits([value for curve in later.values() for value in curve.values()]))
        write_legend(figure, axes, CURVES[name])
    caption = "The first twentieth of the updates is left out. " * (later != curves)
    caption += "Points are costs of a part of the held-out text; the difference is of all of it." * (
        name == PART_MEASURE
    )
    return as_picture(figure, f"curve-{name.replace('_', '-')}", CURVES[name], caption, table_of(curves, ".4f"))
