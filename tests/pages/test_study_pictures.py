"""A study's pictures: what stands where, that all of it is seen, and that nothing in them lies on anything else."""

from functools import cache
from itertools import combinations
from math import dist
from statistics import fmean, stdev
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from pages.study_cases import CASES, GONE, LIKE_MARKUP, MANY, results
from rendered import drawn
from scipy.stats import t

from charloom.pages.pictures import STYLE, as_picture
from charloom.study_pages import bands, seed_by_seed
from charloom.study_pages.presentation import COLORS
from charloom.study_pages.study_page import comparison_picture, study_page
from seedpairs.data_types import LEVEL

PICTURES = CASES | {
    "dollars": results({r"a $\very$ long_name_of_a_setting" * 9: [1.0, 2.0], "日本 \n\t": [2.0, 3.0], "": [3.0, 5.0]}),
    "whiskers": results({"a": [2.0, 2.0, 2.0], "b": [2.0, 2.2, 2.4], **{f"c{n}": [2.1, 2.2, 2.3] for n in range(20)}}),
    "later seeds": results({"a": [2.0, 2.1, 2.2, 9.0], "b": [3.0, 3.1, 3.3, 9.0]}, looks=(3, 9)),
    "equal seeds": results({"a": [1.0] * 5, "b": [2.0, 2.0, 2.0, 2.3, 2.3]}),
    "higher, exploded": results({"a": [2.7, GONE, 2.6], "b": [2.5, 2.6, 2.7], "c": [GONE] * 3}, better="higher"),
}
MEAN, TESTED = 1.4, 0.8  # widths: of the stroke at a mean, and of the line of a tested interval
HARD = ("24 settings", "a target", "large and small", "nothing but explosions", "hostile names", "dollars")


@cache
def figures(name):
    """Return each figure of the page by its picture's name."""
    figure_of = {}

    def keep(figure, place, *rest):
        figure_of[place] = figure
        return as_picture(figure, place, *rest)

    compared = PICTURES[name].compared
    with pytest.MonkeyPatch.context() as patch:
        for module in (seed_by_seed, bands):
            patch.setattr(module, "as_picture", keep)
        for section in (seed_by_seed.section, bands.section):
            section(compared)
    return figure_of


def panels(name):
    return [figures(name)[f"{place}-picture"].axes[0] for place in ("settings", "differences")]


def rows_of(axes, marker=None, width=None):
    """Return by row where its marks of this kind, or its lines of this width, begin and end."""
    rows = {}
    for line in axes.lines:
        if line.get_marker() == marker or line.get_linewidth() == width:
            rows.setdefault(round(fmean(line.get_ydata())), []).extend(line.get_xdata())
    return rows


def bars(axes):
    """Return by row the ends of its bar: of the interval."""
    boxes = [bar for bars in axes.containers for bar in bars]
    return {round(bar.get_y() + bar.get_height() / 2): (bar.get_x(), bar.get_x() + bar.get_width()) for bar in boxes}


@pytest.mark.slow_but_first
@pytest.mark.parametrize("name", HARD)
def test_nothing_lies_on_another_text_or_outside(name):
    """A warning would be an error here: of a letter that the font has not, say."""
    for figure in figures(name).values():
        (axes,) = figure.axes
        with mpl.rc_context(STYLE):
            figure.draw_without_rendering()
            ticks = [tick for axis, ends in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, sorted(axes.get_ylim())))
                     for tick in axis.get_major_ticks() if ends[0] <= tick.get_loc() <= ends[1]]  # fmt: skip
            labels = [label for tick in ticks for label in (tick.label1, tick.label2) if label.get_visible()]
            texts = [text for text in (*axes.texts, *labels, axes.xaxis.label) if text.get_text()]
            boxes = [text.get_window_extent() for text in (*texts, *filter(None, [axes.get_legend()]))]
            rows = [line.get_window_extent() for line in axes.lines if line.get_linewidth() == 1.4 and axes.texts]
            rows += [bar.get_window_extent() for bars in axes.containers for bar in bars]
            names = [text.get_window_extent() for text in axes.texts]
            legend = axes.get_legend()
            assert not legend or legend.get_window_extent().y0 > axes.bbox.y1 - 3  # above all curves
        assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
        assert not [box for box in rows for name in names if name.y0 < box.y1 and box.y0 < name.y1]
        page = figure.bbox.padded(2)  # points: a line is higher than its letters
        assert all(page.x0 <= box.x0 and box.x1 <= page.x1 for box in boxes)
        assert all(page.y0 <= box.y0 and box.y1 <= page.y1 for box in boxes)


@pytest.mark.parametrize("name", ["two settings", "24 settings", "one seed", "two seeds", "ties"])
def test_every_seed_is_a_dot_in_its_settings_row_and_all_are_seen(name):
    settings, differences = panels(name)
    for place, row in enumerate(PICTURES[name].compared.rows):
        assert rows_of(settings, "o")[place] == [trial.value for trial in row.trials.values()]
        expected = list(row.comparison.differences.values()) if row.comparison else []
        assert rows_of(differences, "o").get(place, []) == expected
    for axes in (settings, differences):
        low, high = axes.get_xlim()
        assert all(low <= x <= high for row in rows_of(axes, "o").values() for x in row)


def test_a_seed_after_the_look_that_counts_is_in_the_tables_alone():
    settings, differences = panels("later seeds")
    assert {row: len(dots) for row, dots in rows_of(settings, "o").items()} == {0: 3, 1: 3}
    assert {row: len(dots) for row, dots in rows_of(differences, "o").items()} == {1: 3}
    assert PICTURES["later seeds"].compared.trainings == 8


def test_an_interval_is_a_bar_with_the_mean_and_a_line_at_the_deciding_level():
    settings, differences = panels("24 settings")
    for place, row in enumerate(PICTURES["24 settings"].compared.rows):
        assert bars(settings)[place] == pytest.approx(row.summary.interval)
        assert set(rows_of(settings, width=MEAN)[place]) == {row.summary.mean}
        if row.comparison:
            assert bars(differences)[place] == pytest.approx(row.comparison.interval)
            assert set(rows_of(differences, width=MEAN)[place]) == {row.comparison.mean_difference}
            assert rows_of(differences, width=TESTED)[place] == [*row.comparison.tested_interval]
    assert not rows_of(panels("two settings")[1], width=TESTED)  # the same there: 95 %


@pytest.mark.parametrize(("name", "edge"), [("explosions", 1), ("higher, exploded", 0)])
def test_exploded_trials_are_crosses_at_the_worse_edge_and_keep_the_scale(name, edge):
    settings, _ = panels(name)
    assert rows_of(settings, "x") == {row: [settings.get_xlim()[edge]] for row in (0, 2)}
    assert rows_of(settings, "o")[0] == [2.7, 2.6]
    assert settings.get_xlim()[1] - settings.get_xlim()[0] < 1.5
    n = len(PICTURES[name].compared.rows[0].trials)
    assert settings.texts[0].get_text() == f"a (baseline, {1 if n == 3 else 3} of {n} exploded)"


def test_an_interval_that_leaves_the_panel_goes_on_in_an_arrow():
    settings, _ = panels("two seeds")
    low, high = settings.get_xlim()
    assert (rows_of(settings, "<"), rows_of(settings, ">")) == ({1: [low]}, {1: [high]})
    assert rows_of(panels("two settings")[0], ">") == {}
    _, axes = panels("whiskers")
    (low, high), rows = axes.get_xlim(), PICTURES["whiskers"].compared.rows
    arrows = {place: (place in rows_of(axes, "<"), place in rows_of(axes, ">")) for place in range(1, len(rows))}
    assert arrows == {place: (ends[0] < low, high < ends[1]) for place, ends in rows_of(axes, width=TESTED).items()}
    assert arrows[1] == (True, True)
    assert all(low < end < high for end in rows[1].comparison.interval)  # the bar alone would show none


def test_equal_seeds_are_two_dots_beside_each_other():
    for axes in panels("equal seeds"):
        (dots,) = (line for line in axes.lines if line.get_marker() == "o" and round(line.get_ydata()[0]) == 1)
        (_, other), *_ = places = axes.transData.transform(dots.get_xydata()).tolist()
        assert min(dist(a, b) for a, b in combinations(places, 2)) == pytest.approx(3)  # points: a dot's width
        assert max(abs(y - other) for _, y in places) < 9.5  # half of a row


def test_curves_are_means_with_students_intervals_scaled_to_the_later_updates():
    case = CASES["two settings"]
    curves = case.analysis.curves["smooth_loss"]
    (axes,) = figures("two settings")["smooth_loss"].axes
    low, high = axes.get_ylim()
    for line, band, trials in zip(axes.lines, axes.collections, curves.values(), strict=True):
        corners = band.get_paths()[0].vertices
        for update, mean in list(zip(*line.get_data(), strict=True))[::20]:
            own = [curve[update] for curve in trials.values()]
            assert mean == pytest.approx(fmean(own))
            half = t.ppf((1 + LEVEL) / 2, len(own) - 1) * stdev(own) / len(own) ** 0.5
            ends = sorted({round(y, 4) for x, y in corners if x == update})
            assert ends == pytest.approx([mean - half, mean + half], abs=1e-3)
        assert all(low < x < high for curve in trials.values() for update, x in curve.items() if update >= 5000)
    assert high < max(curve[0] for trials in curves.values() for curve in trials.values())
    assert not figures("one seed")["smooth_loss"].axes[0].collections


@pytest.mark.parametrize("name", ["looks", "24 settings"])
def test_a_setting_has_one_colour_in_every_picture_and_its_own_dashes(name):
    (axes,), compared = figures(name)["smooth_loss"].axes, PICTURES[name].compared
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    colors = {row.setting: row.color for row in compared.rows}
    assert names == compared.drawn
    assert [line.get_color() for line in axes.lines] == [colors[name] for name in names]
    assert len({line.get_linestyle() for line in axes.lines}) == len(names)


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_a_picture_of_many_settings_begins_with_the_best(better):
    made = results(MANY, better=better, curves=False)
    means = {row.setting: row.mean for row in made.analysis.summaries}
    names = [row.setting for row in made.compared.rows]
    assert names == sorted(means, key=means.get, reverse=better == "higher")
    colored = [row.setting for row in made.compared.rows if row.color in COLORS]
    assert colored == [name for name in names if name in made.compared.drawn]


def test_a_long_name_is_cut_and_a_letter_that_the_font_has_not_is_a_sign():
    first, *rest = [text.get_text() for text in panels("dollars")[0].texts]
    assert first.startswith(r"a $\very$ long_name_of_a_setting")
    assert first.endswith("…")
    assert rest == ["�� \\n\\t", "(no name)"]


def test_each_name_is_drawn_as_it_is_given():
    made = CASES["names like markup"]
    page, picture, _ = study_page(made.study, made.compared)
    texts = [element.text for element in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314  our own
    for own in (drawn(page, "settings-picture"), texts):
        assert {name.removesuffix(" (baseline)") for name in own} >= {*LIKE_MARKUP}
    assert {*made.compared.drawn} <= {*drawn(page, "smooth_loss")}


@pytest.mark.parametrize("name", ["two settings", "hostile names", "nothing but explosions"])
def test_the_picture_by_itself_is_the_pages_own(name):
    made = PICTURES[name]
    page, picture, _ = study_page(made.study, made.compared)
    assert picture == comparison_picture(made.compared)  # equal answers give equal bytes
    root = ElementTree.fromstring(picture)  # noqa: S314  our own
    own = [element.get("id") for element in root if element.tag.endswith("}svg")]
    curves = ["smooth_loss"] if name != "nothing but explosions" else []
    assert own == ["settings-picture", "differences-picture", *curves]
    assert all(f'id="{name}"' in page for name in own)
    assert "var(" not in picture
