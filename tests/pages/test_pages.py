"""Pages and tables show what the files say, and nothing in a text can act."""

import json

import pytest
from projects import ROOT

from charloom.base.errors import Damaged
from charloom.base.storage import read_json
from charloom.pages.gradient_table import gradient_table, read_published
from charloom.pages.samples_page import samples_page
from charloom.results.records import BEST_MODEL, GradcheckErrors, SampleMetrics, SampleQuality, SampleTable

PUBLISHED = ROOT / "data/dd2424_report.yaml"


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
