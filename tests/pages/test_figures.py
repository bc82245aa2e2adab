"""The picture of a training: what it enlarges, what it names, and that nothing in it lies on anything else."""

from functools import cache
from itertools import combinations

import matplotlib as mpl
import pytest
from charloom.pages.figures import STYLE, png, published_curve, training_figure
from charloom.pages.gradient_table import read_published
from projects import ROOT

from charloom.base.storage import read_json, read_table
from charloom.results.records import MEASURE_OF_PART, TextMetrics, TrainMetrics

TEXT = read_json(ROOT / "metrics/prepare.json", TextMetrics)
TRAIN = read_json(ROOT / "metrics/train.json", TrainMetrics)
LOSS = read_table(ROOT / "plots/smooth_loss.csv", "smooth_loss")["smooth_loss"]
HELD_OUT = read_table(ROOT / "plots/held_out.csv", MEASURE_OF_PART)[MEASURE_OF_PART]
REPORT = read_published(ROOT / "data/dd2424_report.yaml")


def picture(loss=LOSS, held_out=HELD_OUT, text=TEXT, published=REPORT.smooth_loss, **changes):
    return training_figure(loss, held_out, TRAIN.model_copy(update=changes), text, published, REPORT.novel)


def stopped_at(update):
    """Return what a training of so many updates gives: the first rows, the lowest loss at its end."""
    loss = {u: value for u, value in LOSS.items() if u <= update}
    held_out = {u: value for u, value in HELD_OUT.items() if u <= update}
    best = {"best_update": update, "best_smooth_loss": min(loss.values()) - 0.01}
    return {"loss": loss, "held_out": held_out, "updates": update, "held_out_bits_per_character": 6.3, **best}


def of(levels, **text):
    """Return the text's metrics with these levels in bits per character."""
    nats = {name: value * 25 / 1.44 for name, value in levels.items()}
    return TextMetrics(**TEXT.model_dump() | text | {"nats_per_sequence": nats, "bits_per_character": levels})


PICTURES = {
    "the pipeline's": {},
    "0 updates": stopped_at(0),
    "1 update": stopped_at(1),
    "5 updates": stopped_at(5),
    "100 updates": stopped_at(100),
    "1,000 updates": stopped_at(1000),
    "10 million updates": {
        "loss": {u * 10_000: value for u, value in enumerate(LOSS.values())},
        "held_out": {u * 100: value for u, value in HELD_OUT.items()},
        "updates": 10_000_000,
        "best_update": 9_989_765,
    },
    "nothing held out": {"held_out": {}, "held_out_bits_per_character": None},
    "exploded at the start": {
        "published": {},
        "loss": {u: 4000 - u / 50 if u else 110.0 for u in LOSS},
        "best_update": 0,
        "best_smooth_loss": 110.0,
        "held_out": {u: 60.0 + u / 1e4 for u in HELD_OUT},
        "held_out_bits_per_character": 77.0,
    },
    "explodes at the end": {"loss": {u: 110 + u**4 / 1e10 for u in LOSS}, "best_update": 0, "best_smooth_loss": 110.0},
    "a text of two characters": {
        "loss": {u: 17 / (1 + u) for u in LOSS},
        "best_smooth_loss": 1e-5,
        "held_out": dict.fromkeys(HELD_OUT, 1e-6),
        "held_out_bits_per_character": 1e-6,
        "text": of({"uniform": 1.0, "unigram": 0.999, "bigram": 0.0, "trigram": 0.0}),
    },
    "a text of one character": {
        "loss": dict.fromkeys(LOSS, 0.0),
        "best_smooth_loss": 0.0,
        "held_out": dict.fromkeys(HELD_OUT, 0.0),
        "held_out_bits_per_character": 0.0,
        "text": of(dict.fromkeys(("uniform", "unigram", "bigram", "trigram"), 0.0)),
    },
}


@cache
def named(name):
    return picture(**PICTURES[name])


@pytest.mark.parametrize("name", PICTURES)
def test_nothing_lies_on_a_legend_or_on_another_text_or_outside(name):
    """A warning would be an error here: of a layout that does not fit, or of a letter that the font has not."""
    figure, boxes = named(name), []
    with mpl.rc_context(STYLE):
        figure.draw_without_rendering()
        for axes in figure.axes:
            legend = axes.get_legend().get_window_extent()
            assert legend.y0 >= axes.get_window_extent().y1
            assert not axes.yaxis.get_offset_text().get_text()  # it would stand in the legend
            ticks = [label for label in axes.get_xticklabels() if label.get_text() and axes is figure.axes[-1]]
            boxes += [legend, *(text.get_window_extent() for text in (*axes.texts, *ticks))]
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    page = figure.bbox
    assert all(page.x0 <= box.x0 < box.x1 <= page.x1 and page.y0 <= box.y0 < box.y1 <= page.y1 for box in boxes)


@pytest.mark.parametrize("name", PICTURES)
def test_all_after_the_first_twentieth_and_the_lowest_point_are_in_the_picture(name):
    figure, changes = named(name), PICTURES[name]
    updates = changes.get("updates", TRAIN.updates)
    for axes, curve in zip(figure.axes, ("loss", "held_out"), strict=False):
        bottom, top = axes.get_ylim()
        points = changes.get(curve, {"loss": LOSS, "held_out": HELD_OUT}[curve])
        assert all(bottom <= value <= top for u, value in points.items() if u >= updates / 20)
    drawn = {(x, y) for line in figure.axes[0].lines for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)}
    lowest = changes.get("best_update", TRAIN.best_update), changes.get("best_smooth_loss", TRAIN.best_smooth_loss)
    assert lowest in drawn
    assert figure.axes[0].get_ylim()[0] <= lowest[1] <= figure.axes[0].get_ylim()[1]


def test_where_epochs_begin_is_dotted_unless_they_are_too_many():
    for name, count, label in (
        ("the pipeline's", 2, "updates (dotted: a new epoch begins)"),
        ("10 million updates", 0, "updates"),
    ):
        figure = named(name)
        assert sum(line.get_linestyle() == ":" for line in figure.axes[0].lines) == count
        assert figure.axes[-1].get_xlabel() == label


def test_the_later_course_fills_the_picture():
    for axes, curve in zip(named("the pipeline's").axes, (LOSS, HELD_OUT), strict=True):
        later = [value for u, value in curve.items() if u >= 5000]
        bottom, top = axes.get_ylim()
        assert max(later) - min(later) > 0.6 * (top - bottom)


def test_levels_are_in_sample_and_an_arrow_says_which_way_one_lies_that_is_not_shown():
    loss, bits = ([text.get_text() for text in axes.texts] for axes in named("the pipeline's").axes)
    assert loss == ["in-sample trigram 49.9", "in-sample bigram 61.6", "↑ in-sample unigram 77.5", "↑ uniform 110.5"]
    assert bits[:2] == ["in-sample trigram 2.88", "↑ in-sample bigram 3.55"]
    assert named("exploded at the start").axes[1].texts[3].get_text() == "↓ uniform 6.38"


def test_the_held_out_curve_stands_below_with_the_measure_at_its_end():
    assert len(named("nothing held out").axes) == 1
    _, bits = named("the pipeline's").axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in bits.lines}
    assert lines["held-out text, a part of it"] == [[u, value] for u, value in HELD_OUT.items()]
    measure = TRAIN.held_out_bits_per_character
    assert lines["all that is measured (59,515 characters): 2.810"] == [[100_000, measure]]


def test_the_published_run_is_drawn_beside_english_prose_of_its_seq_length_alone():
    assert published_curve(REPORT, TEXT, 25) == REPORT.smooth_loss
    assert published_curve(REPORT, TEXT, 10) == {}
    assert published_curve(REPORT, TEXT.model_copy(update={"sha256": "0" * 64}), 25) == {}
    label = "the report’s run, on another novel: Harry Potter and the Goblet of Fire"
    for published, named in ((REPORT.smooth_loss, True), ({}, False)):
        legend = picture(published=published).axes[0].get_legend()
        assert (label in [text.get_text() for text in legend.get_texts()]) is named


def test_equal_files_give_equal_bytes_and_the_stage_draws_its_files(finished):
    folder = finished.folder
    loss = read_table(folder / "plots/smooth_loss.csv", "smooth_loss")["smooth_loss"]
    held_out = read_table(folder / "plots/held_out.csv", MEASURE_OF_PART, may_be_empty=True)[MEASURE_OF_PART]
    train = read_json(folder / "metrics/train.json", TrainMetrics)
    text = read_json(folder / "metrics/prepare.json", TextMetrics)
    expected = png(training_figure(loss, held_out, train, text, {}, REPORT.novel))
    assert (folder / "reports/smooth_loss.png").read_bytes() == expected
    assert png(picture()) != expected
