"""A trial is the pipeline's run without the pipeline, and its row says what came of it."""

import csv
import json
import math
import operator
import re
import shutil
from contextlib import chdir
from pathlib import Path

import pytest
from comparisons import designed
from mlflow_project import column
from projects import said
from rehashed import hashed
from study_projects import TWO_SEEDS, ask, conducted, tables

from charloom.core.base.storage import sha256
from charloom.core.config.pipeline import files
from charloom.results.run import thinned
from charloom.results.study_table import read_frozen_question, read_runs
from charloom.study.conduct import undecided
from charloom.study.freeze import read_study
from charloom.study.measuring import study_measurements
from seedpairs.data_types import CANNOT_TELL

# AdaGrad's first steps are of about eta: at 1.7e308 a product of two weights is no number any more.
DIVERGING = TWO_SEEDS.replace("vary: {eta: [0.1, 0.05]}", "settings: [{eta: 1.7e+308}, {sigma: 1.0e+306}]")


def row_of(folder, **values):
    with (folder / "trials.csv").open(newline="") as file:
        return next(row for row in csv.DictReader(file) if values.items() <= row.items())


@pytest.mark.slow
def test_each_trial_has_the_cost_of_every_passage_and_the_answer_counts_them(studied):
    project, folder, _, _ = studied
    with (folder / "passages.csv").open(newline="") as file:
        rows = {row.pop("trial"): [float(cell) for cell in row.values()] for row in csv.DictReader(file)}
    count = json.loads((project.folder / "metrics/train.json").read_text())["held_out_characters_read"] - 1
    sizes = [count * (n + 1) // 20 - count * n // 20 for n in range(20)]
    for trial, costs in rows.items():
        whole = sum(map(operator.mul, sizes, costs)) / sum(sizes)
        assert whole == pytest.approx(float(row_of(folder, trial=trial)["held_out_bits_per_character"]), abs=1e-6)
    ours, base = ([rows[row_of(folder, eta=eta, seed=seed)["trial"]] for seed in "12"] for eta in ("0.05", "0.1"))
    sides = [[sum(seeds) for seeds in zip(*side, strict=True)] for side in (ours, base)]
    higher = sum(map(operator.gt, *sides))
    line = f"  higher in {higher} of 20 passages of the held-out text; only the seeds decide\n"
    assert line in said(project, "compare", "studies/a")[0]


def test_a_row_has_the_results_of_the_pipeline_and_no_trial_is_trained_again(studied):
    project, folder, printed, made = studied
    assert printed.startswith("studies/a.yaml: 4 of 4 trials to train\n")
    row = row_of(folder, eta="0.1", seed="1")
    metrics = json.loads((project.folder / "metrics/train.json").read_text())
    assert {name: row[name] for name in metrics} == {n: "" if v is None else str(v) for n, v in metrics.items()}
    with chdir(project.folder):
        assert row["results"] == hashed(files("track"))
        run = read_study(Path("studies/a.yaml")).runs[row["trial"]]
    assert run.curves["smooth_loss"] == column(project, "smooth_loss")
    part = "held_out_part_bits_per_character"
    assert run.curves[part] == column(project, part, "plots/held_out.csv")
    assert conducted(project) == ""
    assert tables(folder) == made


LOOKS = "baseline: {}\nseeds: 4\nlooks: [3, 4]\nmeasure: held_out_bits_per_character\n"
STOPS = [  # settings, how many trials are trained at each look, and how many rows each setting has at the end
    ("settings: [{eta: 0.001}, {sigma: 0.011}]", [9, 2], [4, 3, 4]),  # one is decided: it stops, the baseline goes on
    ("vary: {eta: [0.1, 0.001], sigma: [0.01, 0.011]}", [12, 4], [4] * 4),  # an average rests on all settings
]


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "trained", "rows"), STOPS)
def test_a_setting_decided_at_a_look_stops(project, settings, trained, rows):
    folder = ask(project, f"{settings}\n{LOOKS}")
    counts = re.findall(r"^studies/a.yaml: (\d+) of \d+ trials to train$", conducted(project), re.MULTILINE)
    assert [int(count) for count in counts] == trained
    with chdir(project.folder):
        settings = study_measurements(read_study(folder.with_suffix(".yaml"))).settings
    assert [len(trials) for trials in settings.values()] == rows


@pytest.mark.parametrize("crossing", [0.0, 1.0])
def test_all_settings_stop_once_the_averages_and_settings_are_decided(crossing):
    """That no interaction is there can never be told, nor an average that one turns: they keep nothing going."""

    def value(seed, a, b):
        return a * (8.0 * (b - 1.6) if crossing else 1.0) + 20.0 * b + 0.01 * math.sin(9 * seed + 5 * a + b)

    answer = designed({"a": [1, 2], "b": [1, 2]}, value, seeds=6)
    assert all(one.verdict != CANNOT_TELL for one in answer.comparisons)
    assert any(one.verdict == CANNOT_TELL for one in answer.effects)
    assert undecided(answer) == []


@pytest.mark.slow
def test_rows_beyond_the_look_that_decides_leave_the_table(project):
    """They come from a start with other looks, which was stopped before it had an answer."""
    question = "settings: [{eta: 0.001}]\nbaseline: {}\nseeds: 4\nmeasure: held_out_bits_per_character\n"
    folder = ask(project, question)
    conducted(project)
    asked = json.loads((folder / "asked.json").read_text())
    (folder / "asked.json").write_text(json.dumps(asked | {"answers": []}))
    (folder / "trials.csv").write_text("".join((folder / "trials.csv").read_text().splitlines(True)[:-1]))
    shutil.rmtree(project.folder / ".charloom/studies")
    ask(project, f"{question}looks: [3, 4]\n")
    assert conducted(project) == ""
    assert len((folder / "trials.csv").read_text().splitlines()) == 1 + 6


@pytest.mark.slow
def test_a_diverged_trial_has_a_row_with_its_outcome_and_the_others_go_on(project):
    """So is one whose huge weights cost no finite number; both are read again.

    One that ends worse than a uniform guess has exploded, too, and keeps its value.
    """
    folder = ask(project, DIVERGING)
    conducted(project)
    row = row_of(folder, eta="1.7e+308", seed="2")
    assert row["outcome"].startswith("diverged at update ")
    assert row["results"] == row["smooth_loss"] == ""
    assert row_of(folder, eta="0.1", sigma="0.01", seed="2")["outcome"] == "trained"
    with chdir(project.folder):
        results = study_measurements(read_study(folder.with_suffix(".yaml")))
    diverged = results.settings["eta=1.7e+308 sigma=0.01"].values()
    assert [(trial.value, trial.exploded) for trial in diverged] == [(None, True)] * 2
    assert conducted(project) == ""
    project.edit("studies/a/trials.csv", "trained", "worse than uniform")
    with chdir(project.folder):
        worse = study_measurements(read_study(folder.with_suffix(".yaml"))).settings["eta=0.1 sigma=0.01"].values()
    assert all(trial.exploded and trial.value is not None for trial in worse)


@pytest.mark.slow
def test_params_that_a_study_overrides_are_in_its_rows_and_in_asked_json(project, capsys):
    """Batches, which are of another kind; a param that all settings have alike; a text of its own."""
    (project.folder / "data/mine.txt").write_text((project.folder / "data/fox.txt").read_text() + "The end.")
    settings = "settings: [{m: 5, batch: 1}, {m: 5, batch: 3}]\nbaseline: {m: 5, batch: 1}\n"
    folder = ask(project, f"text: data/mine.txt\n{settings}seeds: 2\nmeasure: held_out_bits_per_character\n")
    conducted(project)
    made, asked = tables(folder), read_frozen_question(folder / "asked.json")
    assert conducted(project) == ""
    assert tables(folder) == made
    assert set(asked.arithmetic) == {"adagrad float64", "batch adagrad float64"}
    rows = [(run.params.m, run.params.batch, run.params.seed) for run in read_runs(folder, asked).values()]
    assert sorted(rows) == [(5, 1, 1), (5, 1, 2), (5, 3, 1), (5, 3, 2)]
    assert asked.text == asked.params.prepare.text == "data/mine.txt"
    assert asked.sha256 == sha256(project.folder / "data/mine.txt")
    assert capsys.readouterr().err == ""


def test_a_curve_is_thinned_by_one_two_five_ten():
    curve = {n: n / 2 for n in range(1001)}
    for most, step in ((1001, 1), (501, 2), (500, 5), (150, 10), (1, 2000)):
        assert thinned(curve, most) == {n: n / 2 for n in range(0, 1001, step)}
    assert thinned({}, 1) == {}
