"""A trial is the pipeline's run without the pipeline, and its row says what came of it."""

import csv
import json
from contextlib import chdir

import pytest
from projects import copied, said
from recorded import column
from study_projects import ask, conducted, tables

from charloom.model.recorded import hashed
from charloom.results.curves import thinned
from charloom.results.records import TrainMetrics
from charloom.results.trial_key import trial_key
from charloom.settings.params import read_params
from charloom.settings.pipeline import files
from charloom.study.study_file import read_study
from charloom.study.study_table import measured, read_outcomes, trials_in
from charloom.study.trial import train_trial
from charloom.text.corpus import read_prepared

TWO = "vary: {eta: [0.1, 0.05]}\nbaseline: {}\nseeds: 2\nmeasure: held_out_bits_per_character\n"
# AdaGrad's first steps are of about eta: at 1.7e308 a product of two weights is no number any more.
DIVERGING = "settings: [{eta: 1.7e+308}]\nbaseline: {}\nseeds: 2\nmeasure: held_out_bits_per_character\n"


@pytest.fixture(scope="module")
def studied(finished, tmp_path_factory):
    """A finished project, its study's folder, what the study printed, and the tables that it wrote."""
    project = copied(finished, tmp_path_factory.mktemp("studied") / "project")
    folder = ask(project, TWO)
    printed = conducted(project)
    return project, folder, printed, tables(folder)


@pytest.fixture
def study(studied):
    """The same; what a test does to the tables and params is undone."""
    project, folder, _, made = studied
    params = (project.folder / "params.yaml").read_text()
    yield project, folder
    (project.folder / "params.yaml").write_text(params)
    for name, content in made.items():
        (folder / name).write_bytes(content)


def row_of(folder, **values):
    with (folder / "trials.csv").open(newline="") as file:
        return next(row for row in csv.DictReader(file) if values.items() <= row.items())


def test_a_trial_comes_to_what_the_pipeline_comes_to(finished, monkeypatch):
    monkeypatch.chdir(finished.folder)
    outcome = train_trial(read_params(), read_prepared(files("train")["prepared/text"]))
    assert outcome.metrics == TrainMetrics.model_validate_json((finished.folder / "metrics/train.json").read_text())
    assert outcome.results == hashed(files("track"))
    assert outcome.curves["smooth_loss"] == column(finished, "smooth_loss")
    assert outcome.curves["held_out_part_bits_per_character"] == column(
        finished, "held_out_part_bits_per_character", "plots/held_out.csv"
    )


def test_a_study_writes_a_row_a_trial_and_trains_none_of_them_again(studied):
    project, folder, printed, made = studied
    assert printed.startswith("studies/a.yaml: 4 of 4 trials to train\n")
    row = row_of(folder, eta="0.1", seed="1")
    metrics = json.loads((project.folder / "metrics/train.json").read_text())
    assert {name: row[name] for name in metrics} == {n: "" if v is None else str(v) for n, v in metrics.items()}
    with chdir(project.folder):
        assert row["results"] == hashed(files("track"))
    assert conducted(project) == ""
    assert tables(folder) == made


def test_a_setting_that_is_decided_at_a_look_stops_and_the_baseline_goes_on(project):
    question = "settings: [{eta: 0.001}, {sigma: 0.011}]\nbaseline: {}\nseeds: 5\nlooks: [3, 5]\n"
    folder = ask(project, f"{question}measure: held_out_bits_per_character\n")
    printed = conducted(project)
    assert printed == "studies/a.yaml: 9 of 15 trials to train\nstudies/a.yaml: 4 of 15 trials to train\n"
    with (folder / "trials.csv").open(newline="") as file:
        rows = [(row["eta"], row["sigma"]) for row in csv.DictReader(file)]
    assert rows == [("0.1", "0.01")] * 5 + [("0.001", "0.01")] * 3 + [("0.1", "0.011")] * 5


def test_a_trial_that_diverges_is_a_row_that_says_so_and_the_others_go_on(project):
    folder = ask(project, DIVERGING)
    conducted(project)
    row = row_of(folder, eta="1.7e+308", seed="2")
    assert row["outcome"].startswith("diverged at update ")
    assert row["results"] == row["smooth_loss"] == ""
    assert row_of(folder, eta="0.1", seed="2")["outcome"] == "trained"
    with chdir(project.folder):
        study = read_study(folder.with_suffix(".yaml"))
        found = measured(study, trials_in(study), read_outcomes(folder))
    assert [each.value for each in found.settings["eta=1.7e+308"].values()] == [None, None]
    assert all(each.exploded for each in found.settings["eta=1.7e+308"].values())


def test_a_trial_that_ends_worse_than_a_uniform_guess_has_exploded_and_keeps_its_value(study):
    project, folder = study
    project.edit("studies/a/trials.csv", "trained", "worse than uniform")
    with chdir(project.folder):
        asked = read_study(folder.with_suffix(".yaml"))
        found = measured(asked, trials_in(asked), read_outcomes(folder)).settings
    trials = [trial for each in found.values() for trial in each.values()]
    assert all(trial.exploded and trial.value is not None for trial in trials)


@pytest.mark.parametrize(
    ("name", "old", "new", "line"),
    [
        ("trials.csv", "seed,", "sead,", "trials.csv: no column seed; "),
        ("trials.csv", "trained,", "trained,x", "held_out_bits_per_character: 'x"),
        ("trials.csv", "trained,", "", "trials.csv: line 2: not one value for each column; "),
        ("curves.csv", ",100,", ",100.5,", "update 100.5: "),
        ("curves.csv", ",100,", ",100,,", "curves.csv: line 3: not one value for each column; "),
    ],
)
def test_a_damaged_table_is_named_and_stays(study, name, old, new, line):
    project, folder = study
    project.edit(f"studies/a/{name}", old, new)
    made = tables(folder)
    _, complaint = said(project, "study", "studies/a.yaml", code=3)
    assert complaint.startswith(f"studies/a/{name}: ")
    assert line in complaint
    assert tables(folder) == made


def test_the_key_holds_what_a_result_hangs_on_and_no_source(finished, monkeypatch):
    monkeypatch.chdir(finished.folder)
    params = read_params()
    one = trial_key(params, "text", "arithmetic")
    others = [
        trial_key(params.model_copy(update={"seed": 2}), "text", "arithmetic"),
        trial_key(params, "text 2", "arithmetic"),
        trial_key(params, "text", "arithmetic 2"),
    ]
    assert len({one, *others}) == 4
    saves = params.model_copy(update={"train": params.train.model_copy(update={"save_every": 7})})
    assert trial_key(saves, "text", "arithmetic") == one


def test_other_params_are_other_trials_and_the_old_ones_are_kept_aside(study):
    project, folder = study
    made = tables(folder)
    project.edit("params.yaml", "sigma: 0.01", "sigma: 0.02")
    printed = conducted(project)
    aside = "studies/a/trials.csv: 4 rows of other params, or of another text, go to .charloom/studies/a\n"
    assert printed.startswith(f"{aside}studies/a.yaml: 4 of 4 trials to train\n")
    assert len(tables(folder)["trials.csv"].splitlines()) == 5
    project.edit("params.yaml", "sigma: 0.02", "sigma: 0.01")
    assert "to train" not in conducted(project)
    assert tables(folder) == made


def test_a_curve_is_thinned_by_one_two_five_ten():
    curve = {n: n / 2 for n in range(1001)}
    assert list(thinned(curve, 1001)) == list(range(1001))
    assert list(thinned(curve, 501)) == list(range(0, 1001, 2))
    assert list(thinned(curve, 500)) == list(range(0, 1001, 5))
    assert list(thinned(curve, 150)) == list(range(0, 1001, 10))
    assert thinned(curve, 1) == {0: 0.0}
    assert thinned({}, 1) == {}
