"""What a study's file may say, and the one line that a wrong one gets."""

import os
import re
from contextlib import chdir
from pathlib import Path

import pytest
from projects import SMALL, make, said
from study_projects import QUESTION, ask, conducted, tables

from charloom.settings.params import read_params
from charloom.study.asking import read_study
from charloom.study.measuring import measured

LIST = "settings: [{eta: 0.05}, {eta: 0.2, sigma: 0.1}]\nbaseline: {}\nseeds: [7, 3]\nmeasure: smooth_loss\n"
# What stands in the question, what is written instead, and what the line says after the file's name.
WRONG = [
    ("vary: {", "vray: {", "vray: unknown key; allowed are text, vary, settings, baseline, seeds"),
    (
        "eta: [0.1, 0.05]",
        "etta: [0.1, 0.05]",
        "etta: not a param that a study can vary; allowed are m, eta, seq_length",
    ),
    ("eta: [0.1, 0.05]", "seed: [1, 2]", "seed: not a param that a study can vary; allowed are m, eta"),
    ("eta: [0.1, 0.05]", "prepare.held_out: [0, 0.1]", "prepare.held_out: not a param that a study can vary"),
    ("eta: [0.1, 0.05]", "eta: [0.1, fast]", "eta: 'fast' is a text, not a number: write it as 100, 0.1 or 1e-5"),
    ("eta: [0.1, 0.05]", "eta: [0.1, -1]", "eta: -1 is not allowed; it has to be greater than 0"),
    ("eta: [0.1, 0.05]", "eta: []", "vary.eta: [] is not allowed"),
    ("eta: [0.1, 0.05]", "eta: 0.1", "vary.eta: 0.1 is not allowed; it has to be a valid list"),
    ("eta: [0.1, 0.05]", "eta: [0.1, 0.10]", "vary: train.initial_accumulator_value=0 occurs twice"),
    (
        "vary: {eta: [0.1, 0.05], train.initial_accumulator_value: [0.0, 10.0]}",
        "",
        "vary, settings: give one of these two keys",
    ),
    (
        "eta: [0.1, 0.05]",
        "train.checkpoint_every: [1, 2]",
        "train.checkpoint_every: all settings need the same value, ",
    ),
    ("baseline: {}", "", "baseline: the key is missing; add it"),
    ("baseline: {}", "baseline: {eta.x: 1}", "eta.x: not a param that a study can vary; allowed are m, eta"),
    ("baseline: {}", "baseline: {train.clip.x: 1}", "train.clip.x: not a param that a study can vary; "),
    ("baseline: {}", "baseline: 0.1", "baseline: 0.1 is not allowed; it has to be a valid dictionary"),
    ("seeds: 4", "seeds: 0", "seeds: [] is not allowed"),
    ("seeds: 4", "seeds: few", "seeds: 'few' is not allowed; it has to be a valid list"),
    ("seeds: 4", "seeds: [1, 1, 2, 3]", "seeds: [1, 1, 2, 3] is not allowed; each seed may occur only once"),
    ("seeds: 4", "seeds: [1, -2]", "seeds.1: -2 is not allowed; it has to be greater than or equal to 0"),
    ("looks: [2, 4]", "looks: [2, 3]", "looks: [2, 3] is not allowed; allowed are increasing numbers of seeds"),
    (
        "looks: [2, 4]",
        "looks: [1, 4]",
        "looks: [1, 4] is not allowed; allowed are increasing numbers of seeds from 2 to 4",
    ),
    ("looks: [2, 4]", "looks: [4, 2]", "looks: [4, 2] is not allowed"),
    ("held_out_bits_per_character", "accuracy", "measure: 'accuracy' is not allowed; it has to be 'held_out_bits_per_"),
    ("measure:", "smallest_difference: -1\nmeasure:", "smallest_difference: -1 is not allowed; it has to be greater"),
    ("seeds: 4", 'title: ""\nseeds: 4', "title: nothing is not allowed; allowed is one line of 1 to 120 printable"),
    ("seeds: 4", f"title: {'x' * 121}\nseeds: 4", f"title: {'x' * 80} is not allowed; allowed is one line"),
    ("seeds: 4", 'title: "a\\nb"\nseeds: 4', "title: a\\nb is not allowed; allowed is one line of 1 to 120"),
    ("seeds: 4", 'title: "a\\e[31mb"\nseeds: 4', "title: a\\x1b[31mb is not allowed; allowed is one line"),
    ("seeds: 4", "title: [a]\nseeds: 4", "title: ['a'] is not allowed; it has to be a valid string"),
    (QUESTION, "[]", "contains []; allowed are the keys text, vary, settings, baseline"),
    (QUESTION, "vary: {eta: [0.1", "line 2: not YAML: while parsing a flow sequence "),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make(tmp_path_factory.mktemp("study") / "project", SMALL)


@pytest.mark.parametrize(("old", "new", "line"), WRONG)
def test_a_wrong_file_gets_one_line_and_nothing_is_written(project, old, new, line):
    folder = ask(project, QUESTION.replace(old, new, 1))
    before = sorted(os.walk(project.folder))
    printed, complaint = said(project, "study", "studies/a.yaml", code=2)
    assert printed == ""
    assert complaint.count("\n") == 1
    assert complaint.startswith(f"studies/a.yaml: {line}")
    assert sorted(os.walk(project.folder)) == before
    assert not folder.exists()


def test_a_title_is_no_part_of_the_question(project):
    """It may come, change and go: keys and asked.json stay as they are."""
    folder, title = ask(project, QUESTION, "named"), "title: Était-il une fois? 日本\n"
    told = conducted(project, "named")
    assert "8 of 16 trials to train" in told
    with chdir(project.folder):
        before, asked = tables(folder), read_study(Path("studies/named.yaml"))
        for words in (title, "title: Another\n", ""):
            ask(project, words + QUESTION, "named")
            study = read_study(Path("studies/named.yaml"))
            assert (study.named, study.runs, study.asked) == (asked.named, asked.runs, asked.asked)
            assert measured(study).title == words.removeprefix("title: ").strip()
            assert conducted(project, "named") == ""
            assert tables(folder) == before
        ask(project, title + QUESTION, "first")
        conducted(project, "first")
        assert tables(folder.with_name("first"))["asked.json"] == before["asked.json"]


@pytest.mark.parametrize("option", [[], ["--anew"]])
def test_a_folder_that_holds_files_and_no_study_is_not_written_to(project, option):
    """`charloom study reports.yaml` would replace reports/report.html."""
    (project.folder / "mine.yaml").write_text(QUESTION)
    (project.folder / "mine").mkdir(exist_ok=True)
    (project.folder / "mine/report.html").write_text("mine")
    line = said(project, "study", "mine.yaml", *option, code=2)[1]
    assert line == "mine: contains report.html, but no study; give the study another name\n"
    assert [(path.name, path.read_text()) for path in (project.folder / "mine").iterdir()] == [("report.html", "mine")]


def test_a_text_that_is_a_pipe_is_refused_and_not_waited_for(project):
    os.mkfifo(project.folder / "pipe")
    ask(project, f"text: pipe\n{QUESTION}")
    line = "pipe: not a file; allowed is a text file in UTF-8\n"
    assert said(project, "study", "studies/a.yaml", code=2)[1].endswith(line)


def test_a_file_that_is_none_gets_one_line(project):
    assert said(project, "study", "studies/none.yaml", code=2)[1] == "studies/none.yaml: No such file or directory\n"
    assert said(project, "study", "studies", code=2)[1].startswith(
        "studies: not a study's file; allowed is a name that ends in .yaml"
    )


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [("--jobs", "", "a whole number"), ("--jobs", "0", "a whole number"), ("--prove", "many", "a whole number"),
     ("--dask", "", "a scheduler's address"), ("--dask", "nowhere", "a scheduler's address")],
)  # fmt: skip
def test_a_wrong_option_gets_one_line(project, option, value, allowed):
    folder = ask(project)
    _, complaint = said(project, "study", "studies/a.yaml", option, value, code=2)
    assert complaint.startswith(f"{option}: ")
    assert allowed in complaint
    assert complaint.count("\n") == 1
    assert not folder.exists()


@pytest.mark.parametrize("option", ["--anew", "--jobs 2", "--dask tcp://host:8786"])
def test_what_goes_not_beside_a_proof_is_refused(project, option):
    ask(project)
    _, complaint = said(project, "study", "studies/a.yaml", "--prove", "1", *option.split(), code=2)
    assert complaint == f"{option.split()[0]}: cannot be combined with --prove, which rebuilds rows with the pipeline\n"


@pytest.mark.parametrize("varied", ["seq_length: [10, 20]", "train.order: [reading, positions]", "batch: [1, 2]"])
def test_smooth_losses_of_other_sequences_are_not_compared(project, varied):
    question = QUESTION.replace("eta: [0.1, 0.05]", varied)
    ask(project, question.replace("held_out_bits_per_character", "smooth_loss"))
    line = "studies/a.yaml: measure: smooth_loss cannot compare settings that differ in "
    assert said(project, "study", "studies/a.yaml", code=2)[1].startswith(line)


def test_a_text_of_which_nothing_is_held_out_has_no_such_measure(project, monkeypatch):
    folder = ask(project)
    params = (project.folder / "params.yaml").read_text()
    project.edit("params.yaml", "held_out: 0.05", "held_out: 0")
    complaint = said(project, "study", "studies/a.yaml", code=2)[1]
    (project.folder / "params.yaml").write_text(params)
    assert complaint.startswith(
        "studies/a.yaml: measure: held_out_bits_per_character: 0 characters of data/fox.txt are"
    )
    assert not folder.exists()


def test_a_grid_is_each_with_each_and_the_rest_is_as_in_params_yaml(project, monkeypatch):
    ask(project)
    monkeypatch.chdir(project.folder)
    study = read_study(ask(project).with_suffix(".yaml"))
    assert list(study.settings) == [
        "eta=0.1 train.initial_accumulator_value=0",
        "eta=0.1 train.initial_accumulator_value=10",
        "eta=0.05 train.initial_accumulator_value=0",
        "eta=0.05 train.initial_accumulator_value=10",
    ]
    assert study.baseline == "eta=0.1 train.initial_accumulator_value=0"
    assert study.settings[study.baseline] == read_params()
    assert (study.question.seeds, study.question.looks) == ([1, 2, 3, 4], [2, 4])


def test_a_rate_stands_in_the_names_of_the_settings_whose_optimiser_has_it(project, monkeypatch):
    monkeypatch.chdir(project.folder)
    settings = """settings:
  - {train.initial_accumulator_value: 10.0}
  - {optimizer: adam, train.b1: 0.8, sigma: fan_in, train.clip: null}
"""
    question = re.sub("vary: .*\n", settings, QUESTION)
    study = read_study(ask(project, question).with_suffix(".yaml"))
    assert list(study.settings) == [
        "sigma=0.01 optimizer=adagrad train.initial_accumulator_value=0 train.clip=5",
        "sigma=0.01 optimizer=adagrad train.initial_accumulator_value=10 train.clip=5",
        "sigma=fan_in optimizer=adam train.b1=0.8 train.clip=null",
    ]


def test_a_rate_that_no_setting_has_is_no_difference(project):
    ask(project, re.sub("vary: .*", "vary: {train.b1: [0.8, 0.7]}", QUESTION))
    line = "studies/a.yaml: vary: no setting differs from the baseline\n"
    assert said(project, "study", "studies/a.yaml", code=2)[1] == line


def test_a_baseline_of_minus_zero_is_that_of_zero(project, monkeypatch):
    monkeypatch.chdir(project.folder)
    question = QUESTION.replace("baseline: {}", "baseline: {train.initial_accumulator_value: -0.0}")
    study = read_study(ask(project, question).with_suffix(".yaml"))
    assert study.baseline == "eta=0.1 train.initial_accumulator_value=0"
    assert len(study.settings) == 4


def test_a_baseline_that_is_no_setting_is_one_more(project, monkeypatch):
    monkeypatch.chdir(project.folder)
    study = read_study(ask(project, LIST).with_suffix(".yaml"))
    assert list(study.settings) == ["eta=0.1 sigma=0.01", "eta=0.05 sigma=0.01", "eta=0.2 sigma=0.1"]
    assert study.baseline == "eta=0.1 sigma=0.01"
    assert study.question.seeds == [7, 3]
