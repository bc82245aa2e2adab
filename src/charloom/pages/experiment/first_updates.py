"""The first updates, where the published recipe throws its weights about, and what another start of AdaGrad does."""

from dataclasses import replace
from typing import Any

from charloom.pages.experiment.curves import CURE, cells, color_of, draw, over_updates, settled
from charloom.pages.experiment.replay import SATURATED, First, replayed
from charloom.pages.experiment.results import Results
from charloom.pages.experiment.study_rows import StudyRow
from charloom.pages.figures import Curve
from charloom.pages.inline import BLUE, drawing, inline
from charloom.pages.page import Picture, Section, Table


def section(results: Results) -> Section:
    """Return the section."""
    params = results.params
    own = params.train.initial_accumulator_value
    other = CURE if own != CURE else 0.0
    run, otherwise = (_from(value, results) for value in (own, other))
    names = f"this run: AdaGrad from {own:g}", f"the same from {other:g}"
    recorded = run._replace(losses=[results.first_losses.get(u, loss) for u, loss in enumerate(run.losses)])
    both, sigma = {names[0]: (own, recorded), names[1]: (other, otherwise)}, params.sigma
    first = run.typical[0]
    pictures = [
        _picture(both, "losses", "loss (nats per sequence)", ".1f", "The loss, before each update’s step."),
        _picture(
            both, "typical", "step of the weights", ".4f",
            f"How far an update moves the weights: the root mean square of all, and the one that it moves most. They "
            f"were drawn with a standard deviation of {sigma:g}; the first step is {first / sigma:.2g} times that.",
        ),
        _picture(
            both, "saturated", "share of saturated hidden units", ".0%",
            f"A unit with |h| > {SATURATED:g} is saturated. While it is, it passes on less than a fiftieth of a "
            "gradient.",
        ),
        _saturated(results),
    ]  # fmt: skip
    rows = results.study if results.has_published_recipe else []
    it = {
        "own": own,
        "other": other,
        "last": len(run.losses) - 1,
        "run": recorded,
        "otherwise": otherwise,
        "eta": params.eta,
        "sigma": sigma,
        "pictures": pictures,
        "study": _study(results, rows) if rows else None,
    }
    return Section("first-updates", "The first updates", it)


def _from(start: float, results: Results) -> First:
    """Return the first updates of a training like this one, with AdaGrad's accumulator from another start."""
    params = results.params
    recipe = replace(params.recipe, optimizer=params.recipe.optimizer._replace(initial_accumulator_value=start))
    return replayed(recipe, params.seed, params.train.updates, results.text.K, results.corpus.training)


def _picture(both: dict[str, tuple[float, First]], which: str, what: str, form: str, caption: str) -> Picture:
    """Return one of the measures over the first updates, of both starts."""
    curves: dict[str, Curve] = {label: dict(enumerate(getattr(each, which))) for label, (_, each) in both.items()}
    with drawing(2.5) as figure:
        axes = figure.subplots()
        for (label, (value, each)), line in zip(both.items(), ("o-", "s--"), strict=True):
            color = color_of(value)
            axes.plot(getattr(each, which), line, color=color, ms=2.2, label=label, clip_on=False)
            if which == "typical":
                axes.plot(each.largest, ":", color=color, linewidth=0.9, label="its weight that moves most")
        over_updates(axes, len(each.losses) - 1)
        if which != "losses":
            top = 1.0 if form.endswith("%") else 1.7 * axes.get_ylim()[1]
            axes.set_ylim(-0.03 * top, top)  # a line at 0 is seen above the axis
        if form.endswith("%"):
            axes.yaxis.set_major_formatter("{x:.0%}")
        axes.set_title(what)
        axes.legend(loc="center right" if form.endswith("%") else "upper right")
        said = [
            f"{label}: {curve[0]:{form}} at first, {max(curve.values()):{form}} at most"
            for label, curve in curves.items()
        ]
        svg = inline(figure, f"first-{which}", f"{what[:1].upper()}{what[1:]}, first updates", "; ".join(said))
    return Picture(svg, caption, Table(("updates", *curves), cells(curves, form)), what)


def _saturated(results: Results) -> Picture:
    """Return the share of saturated units over the whole run."""
    with drawing(2.5) as figure:
        axes = figure.subplots()
        draw(axes, results.saturated, color_of(results.params.train.initial_accumulator_value), width=0.9)
        over_updates(axes, results.train.updates)
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter("{x:.0%}")
        axes.set_title("share of saturated hidden units")
        last = list(results.saturated.values())[-1]
        svg = inline(
            figure, "saturated", "Share of saturated hidden units over the run",
            f"{last:.0%} at the end, {max(results.saturated.values()):.0%} at most.",
        )  # fmt: skip
    return Picture(
        svg,
        f"The same over the whole run, every 1,000 updates: at its end {100 * last:.0f} % of the units are saturated.",
        Table(("updates", "saturated"), cells({"saturated": results.saturated}, ".1%")),
        "share of saturated hidden units",
    )


def _study(results: Results, rows: list[StudyRow]) -> Picture:
    """Return smooth loss of the study's trials along training, and of this run."""
    values = sorted({row.initial_accumulator_value for row in rows})
    updates = results.train.updates
    with drawing(3.0) as figure:
        axes = figure.subplots()
        for value in values:
            look: Any = {"color": color_of(value), "linewidth": 0.6, "alpha": 0.8}
            for row in rows:
                if row.initial_accumulator_value == value:
                    later = settled(row.smooth_loss, updates)
                    axes.plot(list(later), list(later.values()), **look)
            axes.plot([], [], **look, label=f"the study, from {value:g}")
        draw(axes, settled(results.smooth_loss, updates), BLUE, "this run", 1.4)
        over_updates(axes, updates)
        axes.set_title("smooth loss (nats per sequence)")
        axes.margins(y=0.15)
        axes.legend(loc="upper right")
        ends = {
            value: [list(row.smooth_loss.values())[-1] for row in rows if row.initial_accumulator_value == value]
            for value in values
        }
        said = "; ".join(f"from {value:g} they end between {min(e):.1f} and {max(e):.1f}" for value, e in ends.items())
        svg = inline(figure, "study-curves", "Smooth loss of the study’s trials", f"{said[:1].upper()}{said[1:]}.")
    return Picture(
        svg,
        f"A line for each seed of the study: {said}. The first twentieth of the updates is left out.",
        Table(
            ("trial", "held-out bits per character", "smooth loss at the end"),
            [
                (
                    f"starts at {row.initial_accumulator_value:g}, seed {row.seed}",
                    f"{row.held_out_bits_per_character:.4f}", f"{list(row.smooth_loss.values())[-1]:.3f}",
                )
                for row in rows
            ],
        ),
        "each trial of the study",
    )  # fmt: skip
