"""The table of the gradient check shows what the files say."""

import json

import pytest
from charloom.pages.gradient_table import gradient_table, read_published
from projects import ROOT

from charloom.base.errors import Damaged
from charloom.base.storage import read_json
from charloom.results.records import GradcheckErrors

PUBLISHED = ROOT / "data/dd2424_report.yaml"


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
