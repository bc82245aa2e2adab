"""The picture of a comparison: what stands where, and that nothing in it lies on anything else."""

import math
from functools import cache
from itertools import combinations
from statistics import fmean

import matplotlib as mpl
import pytest
from charloom.pages.comparison import comparison_figure
from charloom.pages.comparison_rows import ROWS
from charloom.pages.figures import STYLE, png

from paired.types import (
    BETTER,
    CANNOT_TELL,
    NO_DIFFERENCE,
    WORSE,
    Answer,
    Band,
    Comparison,
    Measured,
    Measurement,
    Summary,
)

UPDATES = range(0, 100_001, 500)
GONE = Measurement(None, exploded=True)


def about(values):
    """Return a wide interval of the values' mean: any will do here."""
    spread = max(values, default=0) - min(values, default=0)
    return (fmean(values) - spread, fmean(values) + spread) if len(values) > 1 else None


def answered(measured, verdicts=(), **changes):
    """Return an answer of the right form; its intervals are easy ones, and its verdicts are given."""
    summaries, comparisons, base = [], [], measured.settings[measured.baseline]
    for name, trials in measured.settings.items():
        values = [each.value for each in trials.values() if each.value is not None]
        exploded = sum(each.exploded for each in trials.values())
        mean = fmean(values) if values else None
        summaries.append(Summary(name, len(trials), len(values), mean, None, about(values), exploded, 0, None))
        if name == measured.baseline:
            continue
        both = {s: (each.value, base[s].value) for s, each in trials.items() if s in base}
        pairs = {s: one - other for s, (one, other) in both.items() if None not in {one, other}}
        interval = about([*pairs.values()]) if len(pairs) > 1 else None
        tested = (2 * interval[0] - interval[1], 2 * interval[1] - interval[0]) if interval else None
        verdict, more = dict(verdicts).get(name, (CANNOT_TELL, (7, 20)))
        level = 0.975 if len(measured.settings) > 2 else 0.95
        comparisons.append(
            Comparison(
                name, len(pairs), pairs, fmean(pairs.values()) if pairs else None, None, interval, level, tested,
                None, None, None, None, None, verdict, more, None, None, (),
            )
        )  # fmt: skip
    bands = {
        name: {
            each.setting: Band([*UPDATES], [-1.0 - u / 1e5 for u in UPDATES], [(-3.0, -0.5)] * len(UPDATES))
            for each in comparisons
        }
        for name in measured.curves
    }
    answer = Answer(
        measured.measure, measured.better, measured.baseline, measured.looks, measured.smallest_difference, "",
        summaries, comparisons, bands, (),
    )  # fmt: skip
    return answer._replace(**changes)


def measured(settings, curves=True, **changes):
    """Return what was measured; `settings` gives the values of seeds 1, 2, … or whole trials."""
    trials = {
        name: {s: x if isinstance(x, Measurement) else Measurement(x) for s, x in enumerate(values, 1)}
        for name, values in settings.items()
    }
    loss = {
        name: {s: {u: 60.0 + s + place + 50 * math.exp(-u / 2000) for u in UPDATES} for s in each}
        for place, (name, each) in enumerate(trials.items())
    }
    first = next(iter(trials))
    return Measured("bits", "lower", first, trials, {"loss": loss} if curves else {})._replace(**changes)


def spread(mean, seeds, width=0.1):
    return [mean + width * math.sin(7 * s) for s in range(seeds)]


TWO = measured(
    {"start=0": spread(2.9, 10), "start=10": spread(2.6, 10, 0.01)}, looks=(3, 5, 10), smallest_difference=0.01
)
MANY = measured(
    {
        f"train.initial_accumulator_value={a} eta={b} seq_length={c} m={d}": spread(a + b + c / 50 + d, 5, b + c / 99)
        for a in (10, 0) for b in (0.05, 0.1, 0.2) for c in (25, 50) for d in (100, 200)
    }
)  # fmt: skip
BEST = "train.initial_accumulator_value=0 eta=0.05 seq_length=25 m=100"
EXPLODED = measured(
    {
        "a": spread(2.8, 5),
        "b": [2.7, GONE, 2.6, 2.65, 2.7],
        "c": [2.7, Measurement(77.0, exploded=True), 2.6, Measurement(1e30, exploded=True), 2.7],
        "d": [GONE] * 5,
    }
)
PICTURES = {
    "two settings": TWO,
    "24 settings": MANY,
    "explosions": EXPLODED,
    "explosions where higher is better": EXPLODED._replace(better="higher"),
    "one seed": measured({"a": [1.0], "b": [2.0]}),
    "two seeds": measured({"a": [1.0, 1.1], "b": [2.0, 2.5]}),
    "no seed in common": measured({"a": [1.0], "b": []}),
    "nothing but explosions": measured({"a": [GONE], "b": [GONE]}),
    "equal values": measured({"a": [1.0] * 3, "b": [1.0] * 3}),
    "zeros": measured({"a": [0.0] * 3, "b": [0.0] * 3}, smallest_difference=1e-9),
    "large and small": measured({"a": [1e30, 2e30, 1e-30], "b": [-1e-30, 1e9, 0.0]}),
    "no curves": measured({"a": spread(3, 3), "b": spread(4, 3)}, curves=False),
    "two curves": TWO._replace(curves=TWO.curves | {"held_out_part_bits_per_character": TWO.curves["loss"]}),
    "long names": measured(
        {r"a $\very$ long_name_of_a_setting" * 9: spread(1, 4), "日本 \n\t": spread(2, 4), "": spread(3, 4)},
        measure="a measure of some length, such as a table of somebody else’s may have in the head of a column",
    ),
}


@cache
def picture(name):
    return comparison_figure(answered(PICTURES[name]), PICTURES[name])


def panels(figure):
    """Return the axes, those in the first row first."""
    return [axes for part in figure.subfigs for axes in part.axes]


def points(axes, marker):
    """Return by row the places of the marks of this kind, exactly as they are drawn."""
    rows = {}
    for line in axes.lines:
        if line.get_marker() == marker:
            rows.setdefault(round(line.get_ydata()[0]), []).extend(line.get_xdata())
    return rows


def bars(axes):
    """Return by row the ends of its bar: of the interval."""
    found = [bar for bars in axes.containers for bar in bars]
    return {round(bar.get_y() + bar.get_height() / 2): (bar.get_x(), bar.get_x() + bar.get_width()) for bar in found}


def strokes(axes):
    """Return by row where its stroke is: at the mean."""
    lines = [line for line in axes.lines if len(set(line.get_ydata())) == 2 and axes.get_ylim() != (0, 1)]
    return {round(fmean(line.get_ydata())): line.get_xdata()[0] for line in lines if line.get_linewidth() == 1.4}


def texts(figure):
    """Return all that is written beside panels and in the strips."""
    beside = [text.get_text() for axes in panels(figure) for text in axes.texts]
    legends = [legend for part in figure.subfigs for legend in part.legends]
    return beside + [text.get_text() for each in legends for text in (each.get_title(), *each.get_texts())]


def inside(axes, x):
    low, high = axes.get_xlim()
    return low <= x <= high


@pytest.mark.parametrize("name", PICTURES)
def test_nothing_lies_on_another_text_or_outside(name):
    """A warning would be an error here: of a layout that does not fit, or of a letter that the font has not."""
    figure, boxes = picture(name), []
    with mpl.rc_context(STYLE):
        figure.draw_without_rendering()
        for axes in panels(figure):
            view = ((axes.xaxis, axes.get_xlim()), (axes.yaxis, sorted(axes.get_ylim())))
            ticks = [t for axis, (low, high) in view for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
            ticks = [tick.label1 for tick in ticks if tick.label1.get_visible()]
            written = [*axes.texts, *ticks, axes.xaxis.label, axes.yaxis.label, axes._left_title]
            boxes += [text.get_window_extent() for text in written if text.get_text()]
        boxes += [legend.get_window_extent() for part in figure.subfigs for legend in part.legends]
    shared = [box for box in boxes if box.width and box.height]
    assert not [pair for pair in combinations(shared, 2) if pair[0].overlaps(pair[1])]
    page = figure.bbox
    assert all(page.x0 <= box.x0 < box.x1 <= page.x1 and page.y0 <= box.y0 < box.y1 <= page.y1 for box in shared)


@pytest.mark.parametrize("name", ["two settings", "24 settings", "one seed", "two seeds", "equal values"])
def test_every_seed_is_a_dot_in_its_settings_row_and_all_are_seen(name):
    made, answer = PICTURES[name], answered(PICTURES[name])
    settings, differences = panels(picture(name))[:2]
    for row, (setting, trials) in enumerate(made.settings.items()):
        assert points(settings, "o")[row] == [each.value for each in trials.values()]
        if setting != made.baseline:
            compared = next(each for each in answer.comparisons if each.setting == setting)
            assert points(differences, "o")[row] == list(compared.differences.values())
    assert 0 not in points(differences, "o")  # the baseline's
    assert all(inside(axes, x) for axes in (settings, differences) for row in points(axes, "o").values() for x in row)


def test_an_interval_is_a_bar_with_a_stroke_at_the_mean_and_a_thin_line_at_the_level_that_decides():
    settings, differences = panels(picture("24 settings"))[:2]
    answer = answered(MANY)
    for row, each in enumerate(answer.summaries):
        assert bars(settings)[row] == pytest.approx(each.interval)
        assert strokes(settings)[row] == each.mean
    thin = {line.get_ydata()[0]: tuple(line.get_xdata()) for line in differences.lines if line.get_linewidth() == 0.8}
    for row, each in enumerate(answer.comparisons, 1):
        assert bars(differences)[row] == pytest.approx(each.interval)
        assert strokes(differences)[row] == each.mean_difference
        assert thin[row] == each.tested_interval
    assert "interval at the level that decides" in texts(picture("24 settings"))
    assert "interval at the level that decides" not in texts(picture("two settings"))  # the same there: 95 %


def test_zero_is_a_line_and_what_does_not_matter_a_band_where_it_is_declared():
    for name, smallest in (("two settings", 0.01), ("24 settings", None)):
        differences = panels(picture(name))[1]
        zero = [line for line in differences.lines if list(line.get_xdata()) == [0, 0] and line.get_zorder() == 0]
        assert len(zero) == 1
        inside_bars = [bar for bars in differences.containers for bar in bars]
        band = [(each.get_x(), each.get_width()) for each in differences.patches if each not in inside_bars]
        assert band == ([] if smallest is None else [(-smallest, 2 * smallest)])
        assert ("less than 0.01: does not matter" in texts(picture(name))) is (smallest is not None)
        assert inside(differences, smallest or 0)
        assert inside(differences, -(smallest or 0))


def test_what_exploded_is_a_cross_at_the_worse_edge_is_counted_and_does_not_press_the_rest():
    for name, edge in (("explosions", 1), ("explosions where higher is better", 0)):
        settings, differences = panels(picture(name))[:2]
        assert points(settings, "x") == {row: [settings.get_xlim()[edge]] for row in (1, 2, 3)}
        labels = [label.get_text() for label in settings.get_yticklabels()]
        assert labels == [
            "a\n(baseline)",
            *(f"{row}\n({n} of 5 exploded)" for row, n in (("b", 1), ("c", 2), ("d", 5))),
        ]
        assert points(settings, "o")[2] == [2.7, 2.6, 2.7]
        assert len(points(differences, "o")[2]) == 3
        assert settings.get_xlim()[1] - settings.get_xlim()[0] < 1
        assert settings.get_xlabel() == ("bits (← better)" if edge else "bits (better →)")
        assert "exploded: diverged, or worse than a uniform guess" in texts(picture(name))
    assert points(panels(picture("two settings"))[0], "x") == {}
    assert points(panels(picture("nothing but explosions"))[0], "x") == {0: [1], 1: [1]}  # of a panel from 0 to 1


def test_an_interval_that_leaves_the_panel_goes_on_in_an_arrow():
    settings, differences = panels(picture("explosions"))[:2]
    for axes in (settings, differences):
        low, high = axes.get_xlim()
        assert (points(axes, "<")[2], points(axes, ">")[2]) == ([low], [high])
        assert 2 not in bars(axes)
    assert points(panels(picture("two settings"))[1], ">") == {}


def test_the_verdict_stands_beside_its_row_in_words_with_what_it_is_about():
    made = measured({name: spread(3 + 1e-3 * n, 4) for n, name in enumerate("abcdefg")})
    verdicts = {
        "b": (BETTER, None), "c": (WORSE, None), "d": (NO_DIFFERENCE, None),
        "e": (CANNOT_TELL, (7, None)), "f": (CANNOT_TELL, (1, 1)),
    }  # fmt: skip
    differences = panels(comparison_figure(answered(made, verdicts), made))[1]
    said = [text.get_text().split("\n") for text in differences.texts]
    assert [text.xy[1] for text in differences.texts] == [1, 2, 3, 4, 5, 6]
    assert [verdict for verdict, _ in said] == [
        "better", "worse", "no difference that matters", "cannot tell yet, at least about 7 more seeds",
        "cannot tell yet, about 1 more seed", "cannot tell yet, about 7 to 20 more seeds",
    ]  # fmt: skip
    made = measured({"a": [1.0, 2.0], "b": [1.25, 1.75]})
    (text,) = panels(comparison_figure(answered(made), made))[1].texts
    assert text.get_text().endswith("\n+0.00 (−0.50 to +0.50), 2 pairs")
    assert panels(picture("no seed in common"))[1].texts[0].get_text().endswith("\nno pair")
    assert panels(picture("one seed"))[1].texts[0].get_text().endswith("\n+1.000, 1 pair")


def test_the_rule_that_decides_is_said():
    rule = "Student’s t, paired by seed; at most 5 % false alarms in all: "
    assert rule + "3 looks, at 3, 5 and 10 seeds" in texts(picture("two settings"))
    assert rule + "one look, 23 settings against the baseline (Holm)" in texts(picture("24 settings"))


def test_curves_are_means_with_students_interval_and_the_difference_is_the_answers():
    _, _, settings, differences = panels(picture("two seeds"))
    for line, band, place in zip(settings.lines, settings.collections, (0, 1), strict=True):
        corners = band.get_paths()[0].vertices
        for update, mean in zip(*line.get_data(), strict=True):
            assert mean == pytest.approx(61.5 + place + 50 * math.exp(-update / 2000))
            half = 12.706205 / 2  # t of one degree of freedom at 97.5 %, and a standard error of 1/2
            ends = sorted({round(y, 4) for x, y in corners if x == update})
            assert ends == pytest.approx([mean - half, mean + half], abs=1e-3)
    mean, zero = differences.lines
    assert list(mean.get_ydata()) == [-1.0 - u / 1e5 for u in UPDATES]
    assert set(zero.get_ydata()) == {0}
    assert {round(y, 6) for _, y in differences.collections[0].get_paths()[0].vertices} == {-3.0, -0.5}
    low, high = settings.get_ylim()
    assert low < 61 < 62 + 1 + 50 * math.exp(-2.5) < high < 100  # each seed's after the first twentieth
    assert not panels(picture("one seed"))[2].collections
    assert len(panels(picture("no curves"))) == 2
    assert len(panels(picture("two curves"))) == 6


def test_of_many_settings_the_baselines_and_the_bests_curves_are_drawn_and_that_is_said():
    settings, _, curves, difference = panels(picture("24 settings"))
    first = MANY.baseline
    assert len(curves.lines) == 2
    assert len(difference.lines) == 2
    said = texts(picture("24 settings"))
    assert "Means along training, with their 95 % intervals: the baseline and the best of the other 23" in said
    assert said[-2:] == [first, BEST]
    colors = {
        label.get_text().partition("\n(")[0].replace("\n", " "): label.get_color()
        for label in settings.get_yticklabels()
    }
    assert [line.get_color() for line in curves.lines] == [colors[first], colors[BEST]]
    assert len(set(colors.values())) == 3
    higher = MANY._replace(better="higher")
    assert BEST not in texts(comparison_figure(answered(higher), higher))


def test_of_very_many_settings_the_baseline_and_the_best_are_shown_and_that_is_said():
    made = measured({f"setting {n}": [float(1000 - n)] * 2 for n in range(ROWS + 9)}, curves=False)
    figure = comparison_figure(answered(made), made)
    labels = [label.get_text() for label in panels(figure)[0].get_yticklabels()]
    assert labels == ["setting 0\n(baseline)", *(f"setting {n}" for n in range(10, ROWS + 9))]
    assert any(text.endswith(f"; shown are the baseline and the best {ROWS - 1}") for text in texts(figure))


def test_a_long_name_is_cut_and_a_letter_that_the_font_has_not_is_a_sign():
    labels = [label.get_text() for label in panels(picture("long names"))[0].get_yticklabels()]
    assert labels[0].startswith(r"a $\very$ long_name_of_a_setting")
    assert labels[0].endswith("…\n(baseline)")
    assert labels[1:] == ["�� \\n\\t", "(no name)"]


def test_equal_answers_give_equal_bytes():
    assert png(comparison_figure(answered(TWO), TWO)) == png(comparison_figure(answered(TWO), TWO))
