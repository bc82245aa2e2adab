"""A question of one's own: a line writes it, says what it takes, and refuses what is none; the next line answers it."""

import os
import shlex

import pytest
from projects import copied, said
from rendered import cells
from study_projects import ask

from charloom.core.base.progress import duration
from charloom.core.base.yaml12 import parse_yaml
from charloom.core.config.reading import read_params, with_overrides
from charloom.core.config.records import PART_MEASURE
from charloom.study.conduct import seconds

NUMBER, FILE = "is not allowed; allowed is a whole number from 1 to 999,999", "allowed is the relative path"
UNKNOWN = "not a param that a study can vary; allowed are m, eta, "


@pytest.fixture
def project(finished, tmp_path):
    project = copied(finished, tmp_path / "project")
    (project.folder / "data/my.txt").write_text("Call me a text of mine, with a word or two. " * 60)
    return project


@pytest.mark.slow
def test_a_question_is_written_answered_and_named_beside_its_text(project):
    line = ("studies/mine.yaml", "--text", "data/my.txt", "--vary", "eta=0.05,0.1", "--vary", "sigma=0.1,fan_in")
    printed, _ = said(project, "study", "new", *line, "--seeds", "2", "--title", "Eta: small, größer, or „large“?")
    assert printed.startswith("made studies/mine.yaml: 4 settings, 2 seeds: 8 trainings\n")
    assert "\na difference below 0.01 does not matter: the file sets smallest_difference\nabout " in printed
    assert printed.endswith("next: charloom study studies/mine.yaml\n")
    written = (project.folder / "studies/mine.yaml").read_text(encoding="utf-8")
    assert "größer, or „large“?" in written  # as it was typed, so that it can be edited
    assert parse_yaml(written) == {
        "title": "Eta: small, größer, or „large“?",
        "text": "data/my.txt",
        "vary": {"eta": [0.05, 0.1], "sigma": [0.1, "fan_in"]},
        "baseline": {"eta": 0.1, "sigma": 0.1},  # eta as in params.yaml; of sigma's values none is
        "seeds": 2,
        "measure": "held_out_bits_per_character",
        "smallest_difference": 0.01,
    }
    answer, _ = said(project, "study", "studies/mine.yaml")
    assert "studies/mine.yaml: 8 of 8 trials to train\n" in answer
    assert "\nEta: small, größer, or „large“?\n\nheld_out_bits_per_character: lower is better." in answer
    assert "made studies/mine/report.html" in answer


@pytest.mark.slow
def test_the_printed_next_command_works_for_any_name_and_one_seed_never_decides(project):
    warning = "one seed can never tell which setting is better: a verdict needs two seeds or more, and five are usual\n"
    new = ("study", "new", "--vary", "m=2,3", "--seeds")
    assert warning not in said(project, *new, "2", "studies/b.yaml")[0]
    for name in ("-a.yaml", """it's $x "é".yaml"""):
        printed, _ = said(project, *new, "1", "--", f"studies/{name}")
        assert ": 2 settings, 1 seed: 2 trainings\n" in printed
        command = printed.splitlines()[-1].removeprefix("next: charloom study ")
        assert printed.endswith(f"{warning}next: charloom study {command}\n")
        assert command.isprintable()
        assert "smallest_difference" in project.run("bash", "-c", f"ls -- {command} && cat {command}")


@pytest.mark.slow
def test_the_answer_of_a_short_study_says_once_that_it_is_short(project):
    project.edit("params.yaml", "updates: 400", "updates: 20000")
    printed, _ = said(project, "study", "new", "studies/a.yaml", "--vary", "m=2,3", "--short")
    short = "a short study: 10,000 updates; a whole training has 20,000, and may have another result"
    assert "2 settings, 3 seeds: 6 trainings\n" in printed
    assert short not in printed
    asked = parse_yaml((project.folder / "studies/a.yaml").read_text())
    assert asked["vary"] == {"m": [2, 3], "train.updates": [10_000], "train.checkpoint_every": [1000]}
    answer, _ = said(project, "study", "studies/a.yaml")
    assert " ".join(answer.split()).count(short) == 1
    page = (project.folder / "studies/a/report.html").read_text(encoding="utf-8")
    assert short in page
    assert [row[0] for row in cells(page, PART_MEASURE)] == [f"{1000 * n:,}" for n in range(11)]


@pytest.mark.slow
def test_inseparable_effects_are_named_before_training(project):
    settings = "settings: [{m: 2, eta: 0.1}, {m: 3, eta: 0.05}, {m: 2, eta: 0.1, seq_length: 5}]"
    ask(project, f"{settings}\nbaseline: {{m: 2, eta: 0.1}}\nseeds: 1\nmeasure: held_out_bits_per_character\n", "b")
    begun = said(project, "study", "studies/b.yaml")[0].partition("trials to train")[0]
    assert "m 2, 3; eta" in begun
    assert "settings read different amounts of text" in begun


@pytest.mark.parametrize(("arguments", "line"), {
    "a.yaml --vary eta": "--vary: eta is not allowed; allowed is NAME=VALUE,VALUE (eta=0.05,0.1)",
    "a.yaml --vary eta=[1": "--vary: eta=[1 is not allowed; allowed is NAME=VALUE,VALUE ",
    "a.yaml --vary m=2,x": "a.yaml: m: 'x' is a text, not a number",
    "a.yaml --vary sigma=0.1,fan-in": "a.yaml: sigma: 'fan-in' is a text, not a number: write it as 100, 0.1 or 1e-5, "
    "without quotes, or fan_in",
    "a.yaml --vary optimizer=adagrad,adm": "a.yaml: optimizer: 'adm' is not allowed",
    "a.yaml --vary clip=null,5": f"a.yaml: clip: {UNKNOWN}",
    "a.yaml --vary train.updates=4,5 --short": "--short: cannot be combined with --vary train.updates",
    "a.yaml --vary eta=0.05": "--vary: eta=0.05 is one value, and a comparison needs two: `--vary eta=0.1,0.05`\n",
    "a.yaml --vary eta=0.1": "--vary: eta=0.1 is one value, and a comparison needs two: `--vary eta=VALUE,0.1`\n",
    "a.yaml --vary eta=0,05": "--vary: eta=0,05: a comma separates two values; a decimal has a point: 0.05\n",
    "a.yaml --vary eta=0,05,0,1": "--vary: eta=0,05,0,1: a comma separates two values; a decimal has a point: "
    "0.05,0.1\n",
    "a.yaml --vary eta=1,0,05": "--vary: eta=1,0,05: a comma separates two values; a decimal has a point\n",
    "a.yaml --vary m=2,2": "a.yaml: vary: no setting differs from the baseline",
    "a.yaml --vary m=2,3 --seeds 3-1": f"--seeds: 3-1 {NUMBER}, or a range of seeds such as 6-10",
    "a.yaml --vary m=2,3 --measure loss": "a.yaml: measure: 'loss' is not allowed",
    "a --vary m=2,3": "a: not a study's file; allowed is a name that ends in .yaml, such as studies/eta.yaml",
    "a.yaml --vary m=2,3 --seeds 0": f"--seeds: 0 {NUMBER}",
    "a.yaml --vary m=2,3 --title 'a\nb'": "a.yaml: title: a\\nb is not allowed; allowed is one line",
    "a.yaml --vary m=2,3 --text no.txt": f"--text: no.txt: no such file; {FILE}",
    "a.yaml --vary m=2,3 --text pipe": f"--text: pipe: {FILE}",
    "a.yaml --vary m=2,3 --text ../no.txt": f"--text: ../no.txt: {FILE}",
    "a.yaml --vary seq_length=25,9999": "data/fox.txt: ",
    "accumulators.yaml --vary m=2,3": "accumulators.yaml: this file or its folder exists already; choose another name",
    "a.yaml": "--vary: missing; NAME=VALUE,VALUE names a param and its values, such as eta=0.05,0.1\n",
}.items(), ids=repr)  # fmt: skip
def test_study_new_refuses_an_invalid_question_and_writes_no_file(project, arguments, line):
    os.mkfifo(project.folder / "pipe")
    (project.folder / "studies/accumulators").mkdir()
    before = sorted(project.folder.rglob("*"))
    printed, complaint = said(project, "study", "new", *shlex.split(f"studies/{arguments}"), code=2)
    assert (printed, complaint.count("\n")) == ("", 1)
    assert complaint.startswith(f"studies/{line}" if line.startswith("a") else line)
    assert sorted(project.folder.rglob("*")) == before


@pytest.mark.parametrize(
    "name", ["a.yaml", "params.yaml", "studies/b/a.yaml", "studies/../a.yaml", "../studies/a.yaml"]
)
def test_a_question_is_written_into_the_folder_of_the_studies_alone(project, name):
    """Elsewhere, other studies would not find its answer."""
    line = f"{name}: allowed is a file in studies/, such as studies/mine.yaml\n"
    assert said(project, "study", "new", name, "--vary", "m=2,3", code=2) == ("", line)


@pytest.mark.slow
def test_the_training_rate_is_measured_for_any_recipe_in_little_memory(finished):
    params = read_params(finished.folder / "params.yaml")
    for other in ({}, {"batch": 3}, {"eta": 1e300}, {"train.order": "positions"}, {"train.chunk_length": 2**53}):
        assert 0 < seconds([with_overrides(params, other, finished.folder)], 9, (1000, 90), 1) < 1e6, other


def test_a_duration_is_said_in_its_unit():
    said = [duration(x) for x in (0.4, 45, 99, 100, 3600, 5900, 36_000)]
    assert said == ["0 s", "45 s", "99 s", "2 min", "60 min", "98 min", "10.0 h"]
