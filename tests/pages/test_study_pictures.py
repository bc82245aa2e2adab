"""A study's pictures: what stands where, that all of it is seen, and that nothing in them lies on anything else."""

from functools import cache
from itertools import combinations
from math import dist
from statistics import fmean
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from pages.test_study_page import CASES, GONE, MANY, Case, results
from scipy.stats import t

from charloom.pages.pictures import STYLE, pictured
from charloom.pages.study import bands, differences, seed_by_seed
from charloom.pages.study.compared import COLORS, ROWS, Compared
from charloom.pages.study.study_page import comparison_picture, study_page
from paired import answered
from paired.data_types import LEVEL

PICTURES = CASES | {
    "dollars": results({r"a $\very$ long_name_of_a_setting" * 9: [1.0, 2.0], "日本 \n\t": [2.0, 3.0], "": [3.0, 5.0]}),
}
PICTURES |= {
    "whiskers": results({"a": [2.0, 2.0, 2.0], "b": [2.0, 2.2, 2.4], **{f"c{n}": [2.1, 2.2, 2.3] for n in range(20)}}),
    "equal seeds": results({"a": [1.0] * 5, "b": [2.0, 2.0, 2.0, 2.3, 2.3]}),
}
few = {n: {s: dict(list(curve.items())[::20]) for s, curve in own.items()}
       for n, own in PICTURES["two settings"].measured.curves["smooth_loss"].items()}  # fmt: skip
made = PICTURES["two settings"].measured._replace(curves={"smooth_loss": few})
PICTURES["few points"] = Case(PICTURES["two settings"].study, made, answered(made))
HARD = (
    "24 settings",
    "a target",
    "large and small",
    "nothing but explosions",
    "hostile names",
    "long names",
    "dollars",
)


def compared(name):
    return Compared(PICTURES[name].measured, PICTURES[name].answer)


@cache
def figures(name):
    """Return each figure of the page by its picture's name."""
    found = {}

    def keep(figure, place, *rest):
        found[place] = figure
        return pictured(figure, place, *rest)

    with pytest.MonkeyPatch.context() as patch:
        for module in (seed_by_seed, bands, differences):
            patch.setattr(module, "pictured", keep)
        for module in (seed_by_seed, bands):
            module.section(compared(name))
        seed_by_seed.to_target(compared(name))
    return found


def panels(name):
    return [figures(name)[f"{place}-picture"].axes[0] for place in ("settings", "differences")]


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
    lines = [line for line in axes.lines if line.get_linewidth() == 1.4]
    return {round(fmean(line.get_ydata())): line.get_xdata()[0] for line in lines}


@pytest.mark.parametrize("name", HARD)
def test_nothing_lies_on_another_text_or_outside(name):
    """A warning would be an error here: of a letter that the font has not, say."""
    for figure in figures(name).values():
        (axes,) = figure.axes
        with mpl.rc_context(STYLE):
            figure.draw_without_rendering()
            ticks = [each for axis, ends in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, sorted(axes.get_ylim())))
                     for each in axis.get_major_ticks() if ends[0] <= each.get_loc() <= ends[1]]  # fmt: skip
            labels = [label for each in ticks for label in (each.label1, each.label2) if label.get_visible()]
            texts = [text for text in (*axes.texts, *labels, axes.xaxis.label) if text.get_text()]
            boxes = [each.get_window_extent() for each in (*texts, *filter(None, [axes.get_legend()]))]
        assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
        page = figure.bbox.padded(2)  # points: a line is higher than its letters
        assert all(page.x0 <= box.x0 and box.x1 <= page.x1 for box in boxes)
        assert all(page.y0 <= box.y0 and box.y1 <= page.y1 for box in boxes)


@pytest.mark.parametrize("name", ["two settings", "24 settings", "one seed", "two seeds", "ties"])
def test_every_seed_is_a_dot_in_its_settings_row_and_all_are_seen(name):
    settings, differences = panels(name)
    for place, row in enumerate(compared(name).rows):
        assert points(settings, "o")[place] == [each.value for each in row.trials.values()]
        expected = list(row.comparison.differences.values()) if row.comparison else []
        assert points(differences, "o").get(place, []) == expected
    for axes in (settings, differences):
        low, high = axes.get_xlim()
        assert all(low <= x <= high for row in points(axes, "o").values() for x in row)


def test_an_interval_is_a_bar_with_a_stroke_at_the_mean_and_a_thin_line_at_the_level_that_decides():
    settings, differences = panels("24 settings")
    thin = {line.get_ydata()[0]: tuple(line.get_xdata()) for line in differences.lines if line.get_linewidth() == 0.8}
    for place, row in enumerate(compared("24 settings").rows):
        assert bars(settings)[place] == pytest.approx(row.summary.interval)
        assert strokes(settings)[place] == row.summary.mean
        if row.comparison:
            assert bars(differences)[place] == pytest.approx(row.comparison.interval)
            assert strokes(differences)[place] == row.comparison.mean_difference
            assert thin[place] == row.comparison.tested_interval
    assert not [line for line in panels("two settings")[1].lines if line.get_linewidth() == 0.8]  # the same there: 95 %


@pytest.mark.parametrize("name", ["24 settings", "dollars", "a target"])
def test_strokes_and_bars_have_one_height_and_end_below_the_names(name):
    """A name of three lines makes each row higher."""
    for picture in ("settings-picture", "differences-picture", "target-picture"):
        if picture in figures(name):
            (axes,) = figures(name)[picture].axes
            with mpl.rc_context(STYLE):
                axes.figure.draw_without_rendering()
                names = [text.get_window_extent() for text in axes.texts]
                drawn = [line.get_window_extent() for line in axes.lines if line.get_linewidth() == 1.4]
                drawn += [bar.get_window_extent() for bars in axes.containers for bar in bars]
            assert drawn
            assert {round(box.height) for box in drawn} <= {13, 18}
            assert not [box for box in drawn for text in names if text.y0 < box.y1 and box.y0 < text.y1]


def test_zero_is_a_line_and_what_does_not_matter_a_band_where_it_is_declared():
    for name, smallest in (("two settings", 0.01), ("24 settings", None)):
        differences = panels(name)[1]
        assert sum(list(line.get_xdata()) == [0, 0] and line.get_zorder() == 0 for line in differences.lines) == 1
        band = [(each.get_x(), each.get_width()) for each in differences.patches if each.get_zorder() == -1]
        assert band == ([] if smallest is None else [(-smallest, 2 * smallest)])
        low, high = differences.get_xlim()
        assert low <= -(smallest or 0) <= (smallest or 0) <= high


def test_what_exploded_is_a_cross_at_the_worse_edge_is_counted_and_does_not_press_the_rest():
    exploded = {"a": [2.7, GONE, 2.6], "b": [2.5, 2.6, 2.7], "c": [GONE, GONE, GONE]}
    PICTURES["higher and exploded"] = results(exploded, better="higher")
    for name, edge in (("explosions", 1), ("higher and exploded", 0)):
        settings, _ = panels(name)
        assert points(settings, "x") == {row: [settings.get_xlim()[edge]] for row in (0, 2)}
        assert points(settings, "o")[0] == [2.7, 2.6]
        assert settings.get_xlim()[1] - settings.get_xlim()[0] < 1.5
    assert [text.get_text() for text in panels("explosions")[0].texts] == [
        "a (baseline, 3 of 5 exploded)", "b", "c (5 of 5 exploded)",
    ]  # fmt: skip


def test_an_interval_that_leaves_the_panel_goes_on_in_an_arrow():
    settings, _ = panels("two seeds")
    low, high = settings.get_xlim()
    assert (points(settings, "<"), points(settings, ">")) == ({1: [low]}, {1: [high]})
    assert 1 not in bars(settings)
    assert points(panels("two settings")[0], ">") == {}


def test_a_whisker_that_leaves_the_panel_goes_on_in_an_arrow_too():
    (axes,) = figures("whiskers")["differences-picture"].axes
    (low, high), rows = axes.get_xlim(), compared("whiskers").rows
    arrows = {place: (place in points(axes, "<"), place in points(axes, ">")) for place in range(1, len(rows))}
    tested = {place: row.comparison.tested_interval for place, row in enumerate(rows) if row.comparison}
    assert arrows == {place: (line[0] < low, high < line[1]) for place, line in tested.items()}
    assert arrows[1] == (True, True)
    assert all(low < end < high for end in rows[1].comparison.interval)  # the bar alone would show none


def test_equal_seeds_are_two_dots_beside_each_other():
    for axes in panels("equal seeds"):
        (dots,) = (line for line in axes.lines if line.get_marker() == "o" and round(line.get_ydata()[0]) == 1)
        (_, other), *_ = places = axes.transData.transform(dots.get_xydata()).tolist()
        assert min(dist(a, b) for a, b in combinations(places, 2)) == pytest.approx(3)  # points: a dot's width
        assert max(abs(y - other) for _, y in places) < 9.5  # half of a row


def test_few_points_of_a_curve_are_marked():
    for name, marker in (("few points", "."), ("two settings", "None")):
        for picture in ("smooth_loss", "smooth_loss-difference"):
            (axes,) = figures(name)[picture].axes
            assert {line.get_marker() for line in axes.lines if len(line.get_xdata()) > 2} == {marker}


def test_curves_are_means_with_students_interval_and_all_is_seen_after_the_first_twentieth():
    case = CASES["two settings"]
    curves = case.measured.curves["smooth_loss"]
    (axes,) = figures("two settings")["smooth_loss"].axes
    low, high = axes.get_ylim()
    for line, band, trials in zip(axes.lines, axes.collections, curves.values(), strict=True):
        corners = band.get_paths()[0].vertices
        for update, mean in list(zip(*line.get_data(), strict=True))[::20]:
            own = [curve[update] for curve in trials.values()]
            assert mean == pytest.approx(fmean(own))
            sd = (sum((x - mean) ** 2 for x in own) / (len(own) - 1)) ** 0.5
            half = t.ppf((1 + LEVEL) / 2, len(own) - 1) * sd / len(own) ** 0.5
            ends = sorted({round(y, 4) for x, y in corners if x == update})
            assert ends == pytest.approx([mean - half, mean + half], abs=1e-3)
        assert all(low < x < high for curve in trials.values() for update, x in curve.items() if update >= 5000)
    assert high < max(curve[0] for trials in curves.values() for curve in trials.values())
    assert not figures("one seed")["smooth_loss"].axes[0].collections
    (axes,) = figures("two settings")["smooth_loss-difference"].axes
    band = case.answer.bands["smooth_loss"]["eta=0.05"]
    assert [list(data) for data in axes.lines[0].get_data()] == [band.updates, band.means]
    assert list(axes.lines[1].get_ydata()) == [0, 0]


def test_a_setting_has_one_colour_in_every_picture_and_its_own_dashes():
    for name in ("looks", "24 settings"):
        (axes,) = figures(name)["smooth_loss"].axes
        names = [text.get_text() for text in axes.get_legend().get_texts()]
        looks = dict(zip(names, ((line.get_color(), line.get_linestyle()) for line in axes.lines), strict=True))
        colors = {row.setting: row.color for row in compared(name).rows}
        assert names == list(compared(name).drawn)
        assert all(colors[setting] == color for setting, (color, _) in looks.items())
        assert len({dashes for _, dashes in looks.values()}) == len(names)


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_of_many_settings_the_best_is_first(better):
    made = results(MANY, better=better, curves=False)
    means = {each.setting: each.mean for each in made.answer.summaries}
    found = Compared(made.measured, made.answer)
    assert [row.setting for row in found.rows] == sorted(means, key=means.get, reverse=better == "higher")
    assert [row.setting for row in found.rows if row.color in COLORS] == [n for n in found.ordered if n in found.drawn]


def test_of_more_settings_than_are_shown_those_whose_curves_are_drawn_are_among_them():
    found = compared("more than are drawn")
    shown = [row.setting for row in found.rows]
    assert len(shown) == ROWS
    assert set(found.drawn) <= set(shown)
    assert found.ordered[-1] in found.drawn  # the worst of those with a verdict


def test_a_long_name_is_cut_and_a_letter_that_the_font_has_not_is_a_sign():
    first, *rest = [text.get_text() for text in panels("dollars")[0].texts]
    assert first.startswith(r"a $\very$ long_name_of_a_setting")
    assert first.endswith("…")
    assert rest == ["�� \\n\\t", "(no name)"]


@pytest.mark.parametrize("name", ["two settings", "hostile names", "nothing but explosions"])
def test_the_picture_by_itself_is_the_pages_own(name):
    made = PICTURES[name]
    page, picture = study_page(made.study, compared(name))
    assert picture == comparison_picture(compared(name))  # equal answers give equal bytes
    root = ElementTree.fromstring(picture)  # noqa: S314  our own
    own = [each.get("id") for each in root if each.tag.endswith("}svg")]
    curves = ["smooth_loss", "smooth_loss-difference"] if name != "nothing but explosions" else []
    assert own == ["settings-picture", "differences-picture", *curves]
    assert all(f'id="{each}"' in page for each in own)
    assert "var(" not in picture
