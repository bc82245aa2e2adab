"""The stages together: what runs, what does not run again, what a wrong gradient stops."""

import json
import re
import shutil
from pathlib import Path

import pytest
from projects import STAGES, said

from charloom.core.config import pipeline
from charloom.core.config.records import Measure


def test_all_stages_run_in_order_and_a_second_repro_has_nothing_to_do(project, finished):
    assert project.stages(finished.printed)[: len(STAGES)] == list(STAGES)
    last = finished.printed.rpartition("> python src/track.py\n")[2].splitlines()
    assert [line.split()[0] for line in last[:3]] == ["smooth", "held-out", "MLflow"]
    assert "Data and pipelines are up to date." in project.run("dvc", "status")
    assert project.run("git", "status", "--porcelain") == ""


def test_every_stage_makes_the_same_bytes_again(project):
    before = project.contents()
    stages = pipeline.Project(project.folder).stages()
    entries = [
        entry for stage in STAGES for key in ("outs", "metrics", "plots") for entry in stages[stage].get(key, [])
    ]
    outs = [Path(name) for name in pipeline.names_of(entries, "")]
    lacking = [str(out) for out in outs if not any(Path(name).is_relative_to(out) for name in before)]
    assert lacking == [], "dvc.yaml declares these outputs, and no stage writes them"
    foreign = [name for name in before if not any(Path(name).is_relative_to(out) for out in outs)]
    assert foreign == [], "a stage writes these files, and dvc.yaml does not declare them"
    for folder in ("data/prepared", "metrics", "plots", "models", "reports"):
        shutil.rmtree(project.folder / folder)
    for stage in STAGES:
        project.stage(stage)
    assert project.contents() == before


@pytest.mark.parametrize(("old", "new"), [("dtype: float64", "dtype: float32"), ("held_out: 0.05", "held_out: 0.0")])
def test_stages_keep_declared_outputs_and_metrics_without_held_out_text_are_null(project, old, new):
    project.edit("params.yaml", old, new)
    project.stage("prepare")
    project.clear()
    printed = project.stage("train")
    train = json.loads((project.folder / "metrics/train.json").read_text())
    rows = (project.folder / "plots/smooth_loss.csv").read_text().splitlines()
    assert rows[-1] == f"400,{train['smooth_loss']!r}"
    assert printed.startswith(f"smooth loss {train['smooth_loss']:.3f}, lowest {train['best_smooth_loss']:.3f} after ")
    assert sorted(path.stem for path in (project.folder / "models/checkpoints").iterdir()) == ["000", "200", "400"]
    assert len((project.folder / "plots/first_losses.csv").read_text().splitlines()) == 1 + 100
    without = old.startswith("held_out")
    assert [bits is None for name, bits in train.items() if name.endswith("bits_per_character")] == [without] * 3
    assert len((project.folder / "plots/held_out.csv").read_text().splitlines()) == 1 + (0 if without else 3)


@pytest.mark.slow
def test_a_gradient_that_does_not_pass_stops_the_pipeline_before_training(project):
    """Here no gradient would: it is right, and rounded. `make mutants` plants kernels that are wrong."""
    project.edit("params.yaml", "tolerance: 1e-10", "tolerance: 1e-30")
    printed = project.run("dvc", "repro", expect=255)
    assert project.stages(printed)[-1] == "gradcheck"
    assert re.search(r"[WUb]\[.*\] at the .*analytic .*, complex step .*, relative error", printed)
    assert (project.folder / "reports/gradcheck.json").exists()
    assert json.loads((project.folder / "metrics/gradcheck.json").read_text())["passed"] is False


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


@pytest.mark.slow
@pytest.mark.parametrize("text", [
    "a\0b\x1b[31mc\x07\x7f\x85d\r\u2028\u2029\v\f\x1c",  # NUL, controls and line ends of all kinds
    # combining marks, emoji sequences, right to left and noncharacters
    "e\u0301\u0327o\u0308\u0323\u200d👩‍👩‍👧‍👦🏳️‍🌈👍🏽\u202eabc\u202c שלום \u2067x\u2069\uffff\ufffe\U0010ffff",
    "ab",
], ids=["controls", "signs that join", "two characters"])  # fmt: skip
def test_any_unicode_text_goes_through_the_stages(project, text):
    (project.folder / "data/fox.txt").write_text(text * (1 + 400 // len(text)), newline="")
    project.set(updates=40, entries=10)
    project.clear()
    for stage in STAGES:
        project.stage(stage)
    characters = set(text)
    assert json.loads((project.folder / "metrics/prepare.json").read_text())["K"] == len(characters)
    table = json.loads((project.folder / "reports/sample_table.json").read_text())
    assert set("".join(row[1] for row in table["data"])) <= characters
    printed, _ = said(project, "sample", "--length", "300")
    assert set(printed) <= characters | {"\n"}


def test_a_training_with_held_out_text_has_a_value_of_each_measure(finished):
    metrics = json.loads((finished.folder / "metrics/train.json").read_text())
    assert [measure for measure in Measure if metrics[measure] is None] == []
