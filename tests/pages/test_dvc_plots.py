"""`dvc plots` draws each curve once, over updates, and pages leave nothing for Git."""

from projects import ROOT, Project
from ruamel.yaml import YAML

PIPELINE = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))


def test_each_curve_is_drawn_once_over_updates_and_stands_in_its_file():
    """A file that a stage names under `plots` would be drawn a second time, over "step"."""
    assert not [name for name, stage in PIPELINE["stages"].items() if "plots" in stage]
    plots = [definition for entry in PIPELINE["plots"] for definition in entry.values()]
    curves = [curve for plot in plots for curve in plot["y"].items()]
    assert len(curves) == len(set(curves)) == len(plots)
    for plot, (file, column) in zip(plots, curves, strict=True):
        with (ROOT / file).open(encoding="utf-8") as lines:
            assert {plot["x"], column} <= set(next(lines).strip().split(","))
        assert plot["x"] == "update"
        assert plot["y_label"] not in {None, "", column}
    assert {"smooth_loss", "held_out_part_bits_per_character", "saturated_fraction"} <= {column for _, column in curves}


def test_git_ignores_pages():
    pages = ["dvc_plots/index.html", "studies/index.html", "studies/a/report.html"]
    assert Project(ROOT).run("git", "check-ignore", *pages).split() == pages
