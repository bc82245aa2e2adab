"""Pictures and pages show what the files say, the same bytes each time, and nothing in a text can act."""

import io
import json

import matplotlib.image
import numpy as np
import pytest
from projects import ROOT

from charloom.base.errors import Damaged
from charloom.base.storage import read_json
from charloom.pages.figures import smooth_loss_figure
from charloom.pages.gradient_table import gradient_table, read_published
from charloom.pages.samples_page import samples_page
from charloom.results.records import BEST_MODEL, GradcheckErrors, SampleMetrics, SampleQuality, SampleTable

PUBLISHED = ROOT / "data/dd2424_report.yaml"


@pytest.mark.parametrize(
    "losses", [{0: 109.6}, {0: 110.0, 100: 102.0}, {u: 110 - u / 1000 for u in range(0, 9000, 100)}]
)
@pytest.mark.parametrize("best", [(0, 109.6), (99, 106.0), (8950, 100.9)])
def test_a_picture_of_any_length_is_the_same_bytes_twice_and_holds_the_lowest_point(losses, best):
    """A warning would be an error here: of a point outside, or of a layout that does not fit."""
    one, two = (
        smooth_loss_figure(losses, epoch_ends=[50], levels={"uniform": 110.0}, best=best, published={0: 110.0, 9: 1.0})
        for _ in range(2)
    )
    assert one.startswith(b"\x89PNG")
    assert one == two


GIVEN = {"epoch_ends": [], "levels": {"uniform": 110.5, "trigram": 49.9}, "published": {0: 60.0}}


def ink(losses, best, color=None):
    """Return which pixels of the picture (rows, columns) are dark, or have about the color."""
    picture = smooth_loss_figure(losses, best=best, **GIVEN)
    pixels = 255 * matplotlib.image.imread(io.BytesIO(picture), format="png")[:, :, :3]
    return (pixels < 60).all(axis=2) if color is None else (abs(pixels - color) < 30).all(axis=2)


@pytest.mark.parametrize(("updates", "ticks"), [(0, [0, 1]), (1, [0, 1]), (5, range(6)), (100, range(0, 101, 20))])
def test_a_tick_stands_at_whole_updates_alone(updates, ticks):
    dark = ink(dict.fromkeys(range(0, updates + 1, 100), 109.6), (updates, 107.0))
    axis = int(dark.sum(axis=1).argmax())  # the row with most ink is the axis of updates
    below = dark[axis + 5].astype(int)
    assert (np.diff(below) == 1).sum() == len(ticks)


@pytest.mark.parametrize("updates", [100, 1000])
def test_a_curve_that_has_hardly_fallen_is_seen_from_end_to_end(updates):
    losses = {u: 109.6 - 2 * u / updates for u in range(0, updates + 1, 100)}
    blue = ink(losses, (updates, 107.6), (31, 78, 121))[:200]  # the upper quarter: no legend there
    columns = np.flatnonzero(blue.any(axis=0))
    assert len(columns) > 900
    assert np.diff(columns).max() < 5


def test_a_curve_of_one_point_is_seen():
    blue = ink({0: 109.6}, (5, 107.0), (31, 78, 121))[:200, :300]  # away from the lowest point
    assert blue.sum() > 30


def test_another_figure_is_another_picture():
    given = {"epoch_ends": [], "levels": {"bigram": 60.0}, "best": (100, 90.0), "published": {0: 110.0}}
    one = smooth_loss_figure({0: 110.0, 100: 90.0}, **given)
    assert one != smooth_loss_figure({0: 110.0, 100: 91.0}, **given)
    assert one != smooth_loss_figure({0: 110.0, 100: 90.0}, **given | {"levels": {"bigram": 61.0}})
    assert one != smooth_loss_figure({0: 110.0, 100: 90.0}, **given | {"epoch_ends": [50]})


def table(*texts: str) -> tuple[SampleTable, SampleMetrics]:
    """Return texts of checkpoints, and of the best model last."""
    names = [*(f"{n} updates" for n in range(len(texts) - 1)), BEST_MODEL]
    rows = [(name, text, n, 40.5 + n) for n, (name, text) in enumerate(zip(names, texts, strict=True))]
    quality = SampleQuality(known_words=0.5, longest_copy=7)
    return SampleTable(data=rows), SampleMetrics(
        checkpoints=dict.fromkeys(range(len(texts) - 1), quality), best=quality
    )


def test_the_page_shows_the_best_model_first_and_each_text_as_it_is():
    texts = ("</pre><script>alert(1)</script>", "&amp; é—😀", "last")
    page = samples_page(*table(*texts))
    assert "<script" not in page
    assert page.index("last") < page.index("&lt;/pre&gt;&lt;script&gt;") < page.index("&amp;amp; é—😀")
    assert page.count("50% of its words are in the text, the longest passage copied from it has 7 characters") == 3
    assert "After 2 updates <span>smooth loss 42.500, best model" in page


def test_the_table_shows_the_worst_of_each_matrix_beside_the_published_figure(finished):
    measured = read_json(finished.folder / "reports/gradcheck.json", GradcheckErrors)
    rows = gradient_table(measured, read_published(PUBLISHED).gradient_check).splitlines()[4:9]
    assert [row[:5] for row in rows] == [f"| {name} |" for name in "WUVbc"]
    for row, name in zip(rows, "WUVbc", strict=True):
        cells = row.strip("| ").split(" | ")
        zero, carried = getattr(measured.zero, name), getattr(measured.carried, name)
        assert cells[1:3] == [f"{zero.max_relative_error:.1e}", f"{carried.max_relative_error:.1e}"]
        assert cells[5] == f"{zero.report_relative_error:.6e}"
    published = read_published(PUBLISHED).gradient_check
    assert [float(row.strip("| ").split(" | ")[6]) for row in rows] == [getattr(published, name) for name in "WUVbc"]


@pytest.mark.parametrize("content", ["", "smooth_loss: 1", "a: [", json.dumps({"smooth_loss": {}})])
def test_published_figures_that_are_not_there_are_named(tmp_path, content):
    path = tmp_path / "report.yaml"
    path.write_text(content)
    with pytest.raises(Damaged, match=r"report\.yaml: .*brings it back"):
        read_published(path)
