"""Write the page of two runs as HTML. Templates, styles and script are in templates/, and extend those of `pages`."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np

from charloom.core.base.terminal import visible
from charloom.core.base.types import Array
from charloom.core.base.words import in_line
from charloom.core.config.records import PART_MEASURE
from charloom.pages.along_updates import draw, over_updates, settled, table_of
from charloom.pages.pictures import BLUE, GREY, as_picture, drawing, limits, write_legend
from charloom.pages.sections import PageSection, Picture, Table, program, rendered
from charloom.results.run import Curve
from charloom.two_runs.comparison import CURVES, Comparison, Reading, named
from charloom.two_runs.costs import FEWEST, LIKELIEST, LONG, STREAMS, Fork, Share, Word

OWN = Path(__file__).with_name("templates")
PARAMS = ("param", "A", "B")  # the columns of the table of params
LONGEST_PATCH = 40_000  # characters of a patch that are shown
SHOWN = 40_000  # most characters of the held-out text that are shown
STEPS = 1000  # costs in the page are in 1 / STEPS bits
LONGEST_WORD = 30  # characters of a word that are shown
BLOCK = 2000  # characters that are shown at a time
CONTINUED = 200  # characters of a sample after the fork
UNITS = {PART_MEASURE: "bits per character", "smooth_loss": "nats per sequence"}


def two_runs_page(own: Comparison) -> str:
    """Return the page as HTML. Equal comparisons give equal bytes."""
    about = {"patch": own.patch[:LONGEST_PATCH], "longest": LONGEST_PATCH, "params": Table(PARAMS, own.params)}
    sections, code = [PageSection("difference", "What differs", about)], None
    if reading := own.reading:
        of = {title: (rows, _scale(rows)) for title, rows in reading.shares.items()}
        words = zip(("B costs less", "B costs more"), map(_words, reading.words), strict=True)
        sections += [
            PageSection("bits", "Where the bits went", {"divisions": of, "fewest": FEWEST}),
            PageSection("passages", "The text", _texts(reading)),
            PageSection("words", "Words", list(words)),
        ]
        code = program(["page.js", OWN / "two_runs.js"], _data(reading))
    sections.append(PageSection("along", "Curves", None, _curves(own)))
    if reading and reading.fork:
        sections.append(PageSection("fork", "A sample forks", _fork(reading, reading.fork)))
    title = f"Two runs: {own.a.name} and {own.b.name}"
    return rendered(title, _intro(own), sections, program=code, folder=OWN, own=own, reading=reading)


def _intro(own: Comparison) -> str:
    sides = (("A", own.a), ("B", own.b))
    return "\n".join(visible(f"{label}: {named(x)}, {x.run.params.prepare.text}") for label, x in sides)


def _scale(rows: list[Share]) -> float:
    """Return the largest value on the bars' axis: that of the longest bar, or of an interval up to twice as wide."""
    longest = max(abs(row.difference) for row in rows)
    return max([longest, *(min(row.half or 0.0, 2 * longest) for row in rows)]) or 1.0


def _texts(reading: Reading) -> dict[str, Any]:
    """Return the data of the section on the text for the template: passages with both costs, and the first block."""
    rows = []
    for passage in (*reading.gains, *reading.loses):
        costs = (float(bits[passage.costs].sum()) for bits in reading.bits)
        rows.append((reading.text[passage.characters], *costs, passage.start + 1))
    gains, read = len(reading.gains), len(reading.text)
    return {
        "kinds": (("B gains most", 0, rows[:gains]), ("B loses most", gains, rows[gains:])), "long": LONG,
        "shown": min(read, SHOWN), "read": read, "blocks": -(-min(read, SHOWN) // BLOCK), "first": reading.text[:BLOCK],
    }  # fmt: skip


def _words(rows: list[Word]) -> Table:
    cells = [(in_line(row.word[:LONGEST_WORD]), f"{row.occurrences:,}", f"{row.bits:+.1f}") for row in rows]
    return Table(("word", "occurs", "bits in all"), cells)


def _data(reading: Reading) -> dict[str, Any]:
    """Return the data for two_runs.js: passages and held-out text, with both costs and the likeliest characters."""
    rows = []
    for passage, *guesses in zip((*reading.gains, *reading.loses), *reading.guesses, strict=True):
        likeliest = [[", ".join(f"{x} {100 * p:.0f} %" for x, p in _spelled(row)) for row in own] for own in guesses]
        packed = (_packed(bits[passage.costs]) for bits in reading.bits)
        rows.append([reading.text[passage.characters], *packed, likeliest])
    whole = [reading.text[:SHOWN], *(_packed(bits[: SHOWN - 1]) for bits in reading.bits)]
    return {"passages": rows, "whole": whole, "steps": STEPS, "block": BLOCK}


def _spelled(guesses: list[tuple[str, float]]) -> list[tuple[str, float]]:
    shown = {" ": "␣", "\n": "↵", "\t": "⇥"}
    return [(shown.get(character, visible(character)), p) for character, p in guesses]


def _packed(bits: Array) -> str:
    """Return costs (n,), in bits, as Base64 of uint16 in units of 1 / STEPS bits; a larger cost becomes 65535."""
    return b64encode(np.minimum(np.rint(bits * STEPS), 2**16 - 1).astype("<u2").tobytes()).decode()


def _curves(own: Comparison) -> list[Picture]:
    """Return pictures of the curves that both runs have, each with a picture of the differences below it.

    Losses in nats per sequence are left out if the runs differ in seq_length, batch or order, and held-out points if
    they are costs of different parts. Differences are left out if the runs are not comparable.
    """
    pictures, params = [], [own.a.run.params, own.b.run.params]
    for name, about in CURVES.items():
        a, b = (side.run.curves.get(name, {}) for side in (own.a, own.b))
        measured = {run.loss_of if name == "smooth_loss" else run.part_length for run in params}
        if not (a and b) or len(measured) > 1:
            continue
        pictures.append(_picture(name, f"{about} ({UNITS[name]})", {"A": a, "B": b}, own))
        if not own.unlike and (common := {update: b[update] - a[update] for update in a if update in b}):
            title = f"B − A ({UNITS[name]})"
            pictures.append(_picture(f"{name}-difference", title, {"B − A": common}, own))
    return pictures


def _picture(name: str, title: str, curves: dict[str, Curve], own: Comparison) -> Picture:
    updates = max(side.run.params.train.updates for side in (own.a, own.b))
    later = {label: settled(curve, updates) for label, curve in curves.items()}
    values = [value for curve in later.values() for value in curve.values()]
    with drawing(2.5) as (figure, axes):
        for label, curve in later.items():
            draw(axes, curve, GREY if label == "A" else BLUE, label)
        over_updates(axes, updates)
        axes.set_ylim(limits([*values, 0.0] if len(curves) == 1 else values))
        if len(curves) == 1:
            axes.axhline(0, color=GREY, linewidth=0.6, zorder=0)
            axes.set_title(title)
        else:
            write_legend(figure, axes, title)
    left_out = "The first twentieth of the updates is left out." if later != curves else ""
    caption = "Below 0, B costs less." if len(curves) == 1 else left_out
    return as_picture(figure, f"curve-{name.replace('_', '-')}", title, caption, table_of(curves, ".4f"))


def _fork(reading: Reading, own: Fork) -> dict[str, Any]:
    """Return the fork for the template: for each model, the probabilities of all characters, and the continuation."""
    characters, rows = reading.vocabulary, []
    for label, p, text in zip("AB", own.p, own.texts, strict=True):
        named, drawn = _spelled(list(zip(characters, map(float, p), strict=True))), characters.index(text[0])
        bars = [(*pair, pair == named[drawn]) for pair in named]
        top = sorted(named, key=lambda pair: -pair[1])[:LIKELIEST]
        rows.append((label, bars, named[drawn], top, text[:CONTINUED]))
    return {"rows": rows, "drawn": own.drawn, "common": own.common, "streams": STREAMS, "stream": own.stream}
