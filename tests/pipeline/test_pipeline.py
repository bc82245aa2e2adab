"""The stages together: what runs, what does not run again, what a wrong gradient stops."""

import json
import re
import shutil

import pytest
from projects import STAGES


def test_all_stages_run_in_order_and_a_second_repro_has_nothing_to_do(project, finished):
    assert project.stages(finished.printed)[: len(STAGES)] == list(STAGES)
    assert "Data and pipelines are up to date." in project.run("dvc", "status")
    assert project.run("git", "status", "--porcelain") == ""


def test_every_stage_makes_the_same_bytes_again(project):
    before = project.contents()
    assert len(before) == 1 + 5 + 5 + 3 + 2 + 5 + 11
    for folder in ("data/prepared", "metrics", "plots", "models", "reports"):
        shutil.rmtree(project.folder / folder)
    for stage in STAGES:
        project.stage(stage)
    assert project.contents() == before


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_a_stage_keeps_is_what_it_says(project, dtype):
    project.edit("params.yaml", "dtype: float64", f"dtype: {dtype}")
    project.clear()
    printed = project.stage("train")
    train = json.loads((project.folder / "metrics/train.json").read_text())
    rows = (project.folder / "plots/smooth_loss.csv").read_text().splitlines()
    assert rows[-1] == f"400,{train['smooth_loss']!r}"
    assert printed.startswith(f"smooth loss {train['smooth_loss']:.3f}, lowest {train['best_smooth_loss']:.3f} after ")
    assert [path.name for path in sorted((project.folder / "models/checkpoints").iterdir())] == [
        "000.npz",
        "200.npz",
        "400.npz",
    ]
    assert len((project.folder / "plots/first_losses.csv").read_text().splitlines()) == 1 + 100


def test_a_gradient_that_does_not_pass_stops_the_pipeline_before_training(project):
    """Here no gradient would: it is right, and rounded. `make mutants` plants kernels that are wrong."""
    project.edit("params.yaml", "tolerance: 1e-10", "tolerance: 1e-30")
    printed = project.run("dvc", "repro", expect=255)
    assert project.stages(printed)[-1] == "gradcheck"
    assert re.search(r"[WUb]\[.*\] at the .*analytic .*, complex step .*, relative error", printed)
    assert "W at the carried state: the gradient of network/rnn.py" in printed
    assert (project.folder / "reports/gradcheck.json").exists()
    assert json.loads((project.folder / "metrics/gradcheck.json").read_text())["passed"] is False


def test_without_a_held_out_end_its_results_are_null(project):
    project.edit("params.yaml", "held_out: 0.05", "held_out: 0.0")
    project.stage("prepare")
    project.clear()
    project.stage("train")
    train = json.loads((project.folder / "metrics/train.json").read_text())
    assert train["held_out_bits_per_character"] is None
    assert train["best_held_out_bits_per_character"] is None
    assert train["lowest_held_out_part_bits_per_character"] is None
    assert (project.folder / "plots/held_out.csv").read_text() == "update,held_out_part_bits_per_character\n"


def test_the_held_out_end_is_never_learned_from(project):
    text = project.folder / "data/fox.txt"
    before = (project.folder / "models/last.npz").read_bytes()
    bits = json.loads((project.folder / "metrics/train.json").read_text())["held_out_bits_per_character"]
    whole = text.read_text(encoding="utf-8")
    end = len(whole) - int(0.05 * len(whole))
    text.write_text(whole[:end] + whole[end:][::-1], encoding="utf-8")
    project.stage("prepare")
    project.clear()
    project.stage("train")
    assert (project.folder / "models/last.npz").read_bytes() == before
    assert json.loads((project.folder / "metrics/train.json").read_text())["held_out_bits_per_character"] != bits
