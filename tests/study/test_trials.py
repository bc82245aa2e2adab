"""A trial is the pipeline's run without the pipeline, and its row says what came of it."""

import csv
import json
import math
import operator
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest
from comparisons import designed
from mlflow_project import column
from projects import ROOT, copied, said
from rehashed import hashed
from study_projects import ask, conducted, tables

from charloom.core.base.storage import sha256
from charloom.core.config.pipeline import files
from charloom.core.config.records import Measure
from charloom.core.training.protocol import metrics_of
from charloom.results.run import thinned
from charloom.results.study_table import read_frozen_question, read_runs
from charloom.study.conduct import undecided
from charloom.study.freeze import read_study, warn_of_other_params, write_frozen_question
from charloom.study.measuring import before_it_starts, study_measurements
from charloom.study.trial import small_trial
from charloom.study_pages.presentation import Presentation
from charloom.study_pages.study_page import study_page
from seedpairs import answered
from seedpairs.data_types import CANNOT_TELL

TWO = "vary: {eta: [0.1, 0.05]}\nbaseline: {}\nseeds: 2\nmeasure: held_out_bits_per_character\n"
# AdaGrad's first steps are of about eta: at 1.7e308 a product of two weights is no number any more.
DIVERGING = TWO.replace("vary: {eta: [0.1, 0.05]}", "settings: [{eta: 1.7e+308}, {sigma: 1.0e+306}]")


@pytest.fixture(scope="module")
def studied(finished, tmp_path_factory):
    """A finished project, its study's folder, what the study printed, and the tables that it wrote."""
    project = copied(finished, tmp_path_factory.mktemp("studied") / "project")
    folder = ask(project, TWO)
    printed = conducted(project)
    return project, folder, printed, tables(folder)


@pytest.fixture
def study(studied):
    """The same; changes of a test to the question, the params, the text and the tables are undone."""
    project, folder, _, made = studied
    contents = {
        name: (project.folder / name).read_bytes() for name in ("params.yaml", "studies/a.yaml", "data/fox.txt")
    }
    yield project, folder
    for name, content in contents.items():
        (project.folder / name).write_bytes(content)
    shutil.rmtree(project.folder / ".charloom/studies", ignore_errors=True)
    for name, content in made.items():
        (folder / name).write_bytes(content)


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


def test_a_row_is_what_the_pipeline_comes_to_and_no_trial_is_trained_again(studied):
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
def test_a_trial_that_diverges_is_a_row_that_says_so_and_the_others_go_on(project):
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


def test_other_params_here_change_nothing_of_what_was_asked(study, capsys):
    project, folder = study
    made = tables(folder)
    project.edit("params.yaml", "sigma: 0.01", "sigma: 0.02")
    assert conducted(project) == ""
    assert tables(folder) == made
    with chdir(project.folder):
        project.edit("params.yaml", "sigma: 0.02", "sigma: fan_in")
        project.edit("params.yaml", "clip: 5.0", "clip: null")
        warn_of_other_params(read_study(Path("studies/a.yaml")))
    keeps = "studies/a.yaml keeps the params of its first start\n"
    line = f"params.yaml has sigma 0.02, not 0.01; {keeps}"
    assert capsys.readouterr().err == (
        f"{line}params.yaml has sigma fan_in, not 0.01; train.clip null, not 5.0; {keeps}"
    )


def test_changed_params_that_the_question_leaves_open_are_named(project):
    ask(project, TWO.replace("baseline: {}", "baseline: {eta: 0.1}"))
    project.edit("params.yaml", "sigma: 0.01", "sigma: 0.02")
    project.edit("params.yaml", "eta: 0.1", "eta: 0.3")  # which the question says itself
    line = "all other params are those of params.yaml at the first start, which differed from HEAD's: "
    line += "sigma 0.02, not 0.01"
    with chdir(project.folder):
        assert before_it_starts(read_study(Path("studies/a.yaml"))) == [line]
        write_frozen_question(read_study(Path("studies/a.yaml")))
        project.run("git", "commit", "-qam", "another sigma")
        assert study_measurements(read_study(Path("studies/a.yaml"))).warnings == (line,)


@pytest.mark.slow
def test_more_seeds_are_the_same_question_and_its_first_answer_decides(study):
    project, _ = study
    question = (project.folder / "studies/a.yaml").read_text()
    project.edit("studies/a.yaml", "seeds: 2", "seeds: 3")
    assert conducted(project).startswith("studies/a.yaml: 2 of 6 trials to train\n")
    with chdir(project.folder):
        again = read_study(Path("studies/a.yaml"))
    assert (again.frozen.answers, again.first_analysis) == ([2, 3], 2)
    project.edit("studies/a.yaml", "seeds: 3", "seeds: [3, 1, 2, 4]")
    assert "seeds: changed since" in said(project, "study", "studies/a.yaml", code=2)[1]
    (project.folder / "studies/a.yaml").write_text(question)
    assert "seeds: changed since" in said(project, "study", "studies/a.yaml", code=2)[1]


@pytest.mark.slow
@pytest.mark.parametrize("kills", range(5))
def test_a_kill_during_anew_leaves_no_row_of_another_question(study, kills):
    """The old answer counts, and the next start continues without a word about damage."""
    project, folder = study
    project.edit("params.yaml", "sigma: 0.01", "sigma: 0.02")
    project.edit("studies/a.yaml", "seeds: 2", "seeds: [5, 6]")
    command = [sys.executable, "-c", KILLED_AT.format(kills)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    with chdir(project.folder):
        asked = read_frozen_question(folder / "asked.json")
        assert read_runs(folder, asked) == {} or asked.question["seeds"] == [1, 2]
    begun = asked.question["seeds"] == [5, 6]
    assert "studies/a.yaml: 4 of 4 trials to train" in conducted(project, anew=not begun)
    assert read_frozen_question(folder / "asked.json").answers == [2]
    project.edit("params.yaml", "sigma: 0.02", "sigma: 0.01")
    ask(project, TWO.replace("0.05]", "0.02]"), "b")
    line = "studies/b.yaml: studies/a.yaml has shown results of eta=0.1 with seeds 1 and 2; write `seeds: [3, 4]`\n"
    assert said(project, "study", "studies/b.yaml", code=2)[1] == line
    (project.folder / "studies/b.yaml").unlink()


KILLED_AT = """
import os, signal, sys
from pathlib import Path
from charloom.study.conduct import conduct

moves = 0
def kill(event, _):
    global moves
    if event == "os.rename":
        if moves == {}:
            os.kill(os.getpid(), signal.SIGKILL)
        moves += 1

sys.addaudithook(kill)
conduct(Path("studies/a.yaml"), 1, None, anew=True)
"""


CHANGED = (
    "changed since the first start; studies/a/asked.json has the old values: restore them, or `charloom study FILE "
    "--anew` starts the study again, with params.yaml as it is now\n"
)
REFUSED = [  # a file, what stands in it (everything: the file is removed) and what instead, the exit code, the line
    ("studies/a/trials.csv", "seed,", "sead,", 3, "studies/a/trials.csv: column seed is missing, or occurs twice; "),
    ("studies/a/curves.csv", ",100,", ",100,,", 3, "studies/a/curves.csv: line 3: the row has more or fewer cells "),
    ("studies/a/asked.json", "", "", 3, "studies/a/asked.json: No such file or directory; `git restore"),
    ("studies/a/asked.json", '"small_trials": {', '"small_trials": {"x": "0", ', 2,
     "studies/a.yaml: its rows were trained with other source code, by asked.json; `charloom study FILE --prove 4` "),
    ("studies/a/asked.json", 'float64": "', 'float64": "0', 3, "studies/a/trials.csv: line 2: trial is "),
    ("data/fox.txt", "fox", "Fox", 2, "studies/a.yaml: the study uses data/fox.txt with SHA-256 "),
    ("data/fox.txt", "", "", 2, "studies/a.yaml: the study uses data/fox.txt with SHA-256 "),
    *(("studies/a.yaml", old, new, 2, f"studies/a.yaml: {named}: {CHANGED}") for old, new, named in (
        ("0.05]", "0.02]", "settings"), ("baseline: {}", "baseline: {eta: 0.05}", "baseline"),
        ("held_out_bits_per_character", "smooth_loss", "measure"), ("seeds: 2", "seeds: [1]", "seeds"),
        ("seeds: 2", "seeds: 2\nlooks: [2]", "looks"), ("vary:", "text: data/other.txt\nvary:", "text"),
        ("vary:", "smallest_difference: 0.5\nvary:", "smallest_difference"),
    )),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "code", "line"), REFUSED)
def test_a_study_that_is_not_as_it_was_asked_gets_one_line_and_keeps_its_tables(study, file, old, new, code, line):
    project, folder = study
    project.edit(file, old, new, 1) if old else (project.folder / file).unlink()
    made = tables(folder)
    _, complaint = said(project, "study", "studies/a.yaml", code=code)
    assert (complaint.startswith(line), complaint.count("\n")) == (True, 1), complaint
    assert tables(folder) == made


@pytest.mark.parametrize("option", [[], ["--anew"]])
def test_a_question_of_another_study_is_refused_under_a_new_name(study, option):
    """The looks are the question's: a second name would forget them, and claim anew."""
    project, _ = study
    question = (project.folder / "studies/a.yaml").read_text()
    line = "studies/b.yaml: studies/a asks the same question; `charloom study studies/a.yaml` answers it\n"
    for same in (question, question.replace("[0.1, 0.05]", "[0.05, 0.1]"), question.replace("seeds: 2", "seeds: 9")):
        ask(project, same, "b")
        assert said(project, "study", "studies/b.yaml", *option, code=2)[1] == line
    assert not (project.folder / "studies/b").exists()
    ask(project, question.replace("seeds: 2", "seeds: [3, 4]"), "b")  # other seeds, other runs
    with chdir(project.folder):
        assert (
            read_study(Path("studies/b.yaml"), anew=bool(option)).question_key
            != read_study(Path("studies/a.yaml")).question_key
        )
        read_study(project.folder / "studies/a.yaml", anew=True)  # the same study, by another path
    (project.folder / "studies/b.yaml").unlink()


ANOTHER_MEASURE = """
from charloom.core.config import records
class TrainMetrics(records.TrainMetrics):
    twice: int | None = None
records.TrainMetrics = TrainMetrics
from charloom.core.training import protocol
def metrics_of(*given, own=protocol.metrics_of):
    metrics = own(*given)
    return metrics.model_copy(update={"twice": 2 * metrics.updates_per_epoch})
protocol.metrics_of = metrics_of
"""
WITH_ANOTHER_MEASURE = """
from pathlib import Path
from charloom.results.study_table import METRIC_NAMES, read_frozen_question, read_runs, write_runs
from charloom.study.freeze import read_study, small_trials
from charloom.study.measuring import study_measurements
from seedpairs import answered
study = read_study(Path("studies/initial_accumulator.yaml"))
assert "twice" in METRIC_NAMES and "twice" not in study.frozen.measures, METRIC_NAMES
assert study.frozen.small_trials == small_trials(study.frozen), "the small trial says another thing"
assert answered(study_measurements(study)).comparisons[0].verdict == "better"
folder, asked = Path(__import__("sys").argv[1]), study.frozen.model_copy(update={"measures": METRIC_NAMES})
assert asked.small_trials != small_trials(asked), "the small trial leaves the new measure out"
runs = {
    key: run._replace(metrics=run.metrics.model_copy(update={"twice": 2})) for key, run in study.runs.items()
}
write_runs(folder, study.columns, runs.items(), METRIC_NAMES)
assert read_runs(folder, asked) == runs
old, new = (next(iter(each.values())).metrics for each in (study.runs, runs))
assert (old.twice, new.twice) == (None, 2)
write_runs(folder, study.columns, study.runs.items(), study.frozen.measures)
assert (folder / "trials.csv").read_bytes() == (study.folder / "trials.csv").read_bytes()
print("as before")
"""


@pytest.mark.slow
def test_a_measure_that_is_added_invalidates_no_study(tmp_path):
    command = [sys.executable, "-c", ANOTHER_MEASURE + WITH_ANOTHER_MEASURE, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.stdout == "as before\n", done.stderr


class Right(str):
    """A measure that no training has yet."""

    value, unit, better, least, of_held_out = property(str), "percent", "higher", 0.5, True


@pytest.mark.slow
def test_a_measure_knows_which_values_are_better_and_its_unit(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(Measure, "from_name", lambda name: {"right": Right(name)}.get(name))
    study = read_study(Path("studies/initial_accumulator.yaml"))
    verdict = answered(study_measurements(study)).comparisons[0].verdict
    runs = {
        key: run._replace(metrics=run.metrics.model_copy(update={"right": -run.metrics.held_out_bits_per_character}))
        for key, run in study.runs.items()
    }
    question = study.question.model_copy(update={"measure": Right("right")})
    study = study._replace(runs=runs, question=question)
    answer = answered(study_measurements(study))
    assert (answer.better, answer.comparisons[0].verdict) == ("higher", verdict)
    page, picture, _ = study_page(study, Presentation(answer))
    for words in ("higher is better", "in percent", "better →"):
        assert words in page, words
    assert "right (better →)" in picture


@pytest.mark.slow
def test_the_digest_of_a_small_trial_covers_the_measures_too(monkeypatch):
    def other(*given):
        metrics = metrics_of(*given)
        return metrics.model_copy(update={"smooth_loss": metrics.smooth_loss + 1})

    before = small_trial("adagrad float64")
    small_trial.cache_clear()
    monkeypatch.setattr("charloom.study.trial.metrics_of", other)
    assert small_trial("adagrad float64") != before
    small_trial.cache_clear()


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
