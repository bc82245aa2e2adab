"""Plots before and after a change, as Mermaid charts, which GitHub draws."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dvc_summary.facts import Facts
from dvc_summary.markdown import ROWS, code, folded, listed, paragraph

POINTS = 60  # points of a line, at most
AXIS = 40  # characters of an axis label, at most
FLAT = 3  # ratio of the range of all points to that of the later ones, above which the start is left out
COLOURS = {"orange": "#d9730d", "blue": "#2f6fde"}  # before, after; distinguishable for the colour-blind

Points = dict[float, float]  # y by x, in the order of x


class Curve(NamedTuple):
    """A plot of one column: its title, the labels of its axes, and its points at base and head."""

    title: str
    x: str
    y: str
    base: Points
    head: Points


def curves(facts: Facts) -> Iterator[str]:
    """Yield a block with the lines of base and head for each curve that changed; the first block is open.

    The last blocks name the curves that are equal, and the plots that cannot be drawn; a block is "" if there are none.
    """
    if facts.plots:
        yield "### Curves"
    opened, same, others = True, list[str](), list[str]()
    for title, entries in facts.plots.items():
        plotted = [curve for entry in entries for curve in curves_of(title, entry, facts)]
        others += [] if plotted else [title]
        for curve in plotted:
            if curve.base == curve.head:
                same.append(curve.title)
            elif drawn := picture(curve):
                yield folded(code(curve.title), *drawn, opened=opened)
                opened = False
            else:
                others.append(curve.title)
    yield paragraph(f"The same on both sides: {listed(same, ROWS)}.") if same else ""
    yield paragraph(f"Not drawn, for lack of two comparable lines: {listed(others, ROWS)}.") if others else ""


def curves_of(title: str, entry: Mapping[str, Any], facts: Facts) -> Iterator[Curve]:
    """Yield the curves of a plot: one for each column of its file or files.

    entry  DVC's definition of the plot for Vega; points that are not finite numbers are left out
    """
    anchors = entry.get("anchor_definitions", {})
    rows = anchors.get("<DVC_METRIC_DATA>", [])
    x, y = (_field(json.dumps(entry.get("content")), axis) for axis in "xy")
    groups: dict[tuple[str, ...], dict[str, Points]] = {}
    for row in rows if x and y and isinstance(rows, list) else ():
        try:
            at, value = float(row[x]), float(row[y])
        except (KeyError, TypeError, ValueError):
            continue
        if math.isfinite(at) and math.isfinite(value):
            key = tuple(str(row[name]) for name in ("filename", "field") if name in row)
            groups.setdefault(key, {}).setdefault(str(row.get("rev")), {})[at] = value
    across, upwards, name = (
        str(anchors.get(f"<DVC_METRIC_{what}>") or otherwise)
        for what, otherwise in (("X_LABEL", x), ("Y_LABEL", y), ("TITLE", title))
    )
    for key, sides in groups.items():
        base, head = (dict(sorted(sides.get(commit, {}).items())) for commit in (facts.base, facts.head))
        yield Curve(" ".join([name, *(key if len(groups) > 1 else ())]), across, upwards, base, head)


def _field(specification: str, axis: str) -> str:
    """Return the name of the column along the axis `x` or `y` in a Vega specification (JSON); "" if there is none."""
    match = re.search(rf'"{axis}": {{[^{{}}]*?"field": ("(?:[^"\\]|\\.)*")', specification)
    return str(json.loads(match[1])).replace("\\", "") if match else ""


def picture(curve: Curve) -> list[str]:
    """Return two blocks, a Mermaid chart and its legend; [] if the two lines have fewer than two values of x in common.

    Mermaid draws points at equal distances. So the chart shows at most POINTS common points, those nearest to
    equidistant x. The first twentieth of x is left out if its range would make the rest look flat.
    """
    sides, notes = (curve.base, curve.head), list[str]()
    shared = [at for at in curve.base if at in curve.head]
    if len(shared) < 2:
        return []
    if max(curve.base | curve.head) > shared[-1]:
        notes.append(f"The picture ends at {shared[-1]:g}, the end of the shorter line.")
    late = [at for at in shared if at >= shared[0] + (shared[-1] - shared[0]) / 20]
    whole, rest = ([side[at] for side in sides for at in places] for places in (shared, late))
    if len(late) > 1 and max(whole) - min(whole) > FLAT * (max(rest) - min(rest)) > 0:
        notes.append("The first twentieth is left out: its range would make the rest look flat.")
        shared = late
    if len(shared) > POINTS:
        notes.append(f"Each line shows {POINTS} of its points.")
    low, high, count = shared[0], shared[-1], min(POINTS, len(shared))
    even = (low + (high - low) * n / (count - 1) for n in range(count))
    places = [min(shared, key=lambda at: abs(at - place)) for place in even]
    lines = [[side[at] for at in places] for side in sides]
    bottom, top, last = min(map(min, lines)), max(map(max, lines)), [line[-1] for line in lines]
    margin = (top - bottom) / 20 or abs(top) / 20 or 1.0
    legend = [
        f"{side} is {colour} and ends at {code(f'{end:.6g}')}{' (the upper one there)' if end > min(last) else ''}"
        for side, colour, end in zip(("Before", "after"), COLOURS, last, strict=True)
    ]
    labels = [" ".join(re.findall(r"[A-Za-z0-9_.,()/%-]+", label))[:AXIS] for label in (curve.x, curve.y)]
    drawn = [
        "```mermaid", "---", "config:", "  xyChart:", "    width: 720", "    height: 320", "  themeVariables:",
        "    xyChart:", f'      plotColorPalette: "{", ".join(COLOURS.values())}"', "---", "xychart-beta",
        f'  x-axis "{labels[0]}" {low:.12g} --> {high:.12g}',
        f'  y-axis "{labels[1]}" {bottom - margin:.6g} --> {top + margin:.6g}',
        *(f"  line [{', '.join(f'{value:.6g}' for value in line)}]" for line in lines), "```",
    ]  # fmt: skip
    return ["\n".join(drawn), paragraph(" ".join([f"{'; '.join(legend)}.", *notes]))]
