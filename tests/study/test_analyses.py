"""A question has one analysis: it stays under any name, after restarts and kills, and beside other questions."""

import json
import shutil
import signal
from contextlib import chdir
from pathlib import Path

import pytest
from projects import copied, said
from study_projects import THREE_SEEDS, ask, conducted, refused, tables, with_code
from test_seeds import ANEW

from charloom.results.study_table import read_frozen_question
from charloom.study.freeze import read_study, write_frozen_question
from charloom.study.measuring import study_measurements
from seedpairs import answered


@pytest.fixture
def project(answered_once, tmp_path):
    return copied(answered_once, tmp_path / "project")


@pytest.mark.slow
def test_a_question_keeps_its_analysis_under_any_name_and_after_restarts(project):
    folder = project.folder / "studies/a"
    answer = tables(folder)
    printed = conducted(project, anew=True)
    assert printed.startswith("studies/a: its old tables are in .charloom/studies/")
    assert tables(folder) == answer
    before = said(project, "compare", "studies/a")[0]
    for gone in ("studies/a", "studies/a.yaml"):
        shutil.move(project.folder / gone, project.folder.parent)
    ask(project, THREE_SEEDS.replace("seeds: 3", "seeds: 5"), "renamed")
    conducted(project, "renamed")
    assert read_frozen_question(project.folder / "studies/renamed/asked.json").answers == [3, 5]
    after = said(project, "compare", "studies/renamed")[0]
    difference, p = before[before.index("  difference") :].splitlines()[:2]
    assert f"{difference}\n{p}\n" in after
    assert "3 seeds, and no looks were declared: 2 more seeds shown, but not" in " ".join(after.split())
    ask(project, THREE_SEEDS.replace("seeds: 3", "seeds: [4, 5, 6]"), "b")
    shown = "studies/renamed.yaml has shown results of eta=0.1 with seeds 4 and 5; write `seeds: [6, 7, 8]`"
    assert refused(project, "b") == f"studies/b.yaml: {shown}"


@pytest.mark.slow
def test_seeds_that_were_added_are_shown_and_stay_so(project):
    """Also in the copy, and however the file is written when its tables are gone."""
    ask(project, THREE_SEEDS.replace("seeds: 3", "seeds: 5"))
    conducted(project)
    answer = said(project, "compare", "studies/a")[0]
    (project.folder / "studies/a/trials.csv").unlink()
    line = "its earlier answer has shown results of eta=0.1 with seeds 1 to 5; write `seeds: [6, 7, 8, 9, 10]`"
    ask(project, THREE_SEEDS.replace("seeds: 3", "seeds: [5, 4, 1, 2, 3]"))
    assert refused(project, "a") == f"studies/a.yaml: {line}, and add `--anew` to the command"
    for gone in ("studies/a", "studies/a.yaml"):
        shutil.move(project.folder / gone, project.folder.parent)
    ask(project, THREE_SEEDS.replace("seeds: 3", "seeds: [4, 5]"), "größe")
    line = "studies/a.yaml has shown results of eta=0.1 with seeds 4 and 5; write `seeds: [6, 7]`"
    assert refused(project, "größe") == f"studies/größe.yaml: {line}"
    ask(project, THREE_SEEDS.replace("seeds: 3", "seeds: 5"), "größe")
    conducted(project, "größe")
    assert answer == said(project, "compare", "studies/größe")[0]
    project.commit("under another name")
    shutil.rmtree(project.folder / "studies/größe")
    shutil.rmtree(project.folder / ".charloom/studies")
    ask(project, THREE_SEEDS.replace("seeds: 3", "seeds: [4, 5]"), "b")
    line = line.replace("studies/a.yaml", "studies/größe.yaml")
    assert refused(project, "b") == f"studies/b.yaml: {line}"


@pytest.mark.slow
def test_a_look_that_was_passed_is_an_answer_after_a_kill(project):
    """Else its result would decide whether the looks are kept."""
    looks = "settings: [{sigma: 0.0100001}]\nbaseline: {}\nseeds: [7, 8, 9]\nlooks: [2, 3]\n"
    ask(project, f"{looks}measure: held_out_bits_per_character\n", "c")
    killed = """
import os, signal, sys
from charloom.results.study_table import read_frozen_question
def kill(event, _):
    asked = Path("studies/c/asked.json")
    if event == "os.rename" and asked.exists() and read_frozen_question(asked).answers == [2]:
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill)
conduct(Path("studies/c.yaml"), 1, None)
"""
    assert with_code(project, killed).returncode == -signal.SIGKILL
    assert read_frozen_question(project.folder / "studies/c/asked.json").answers == [2]
    assert "cannot tell yet" in said(project, "compare", "studies/c")[0].lower()
    project.edit("studies/c.yaml", "looks: [2, 3]\n", "")
    assert "looks: changed since the first start" in refused(project, "c")
    project.edit("studies/c.yaml", "seeds: [7, 8, 9]\n", "seeds: [7, 8, 9]\nlooks: [2, 3]\n")
    assert "studies/c.yaml: 2 of 6 trials to train" in conducted(project, "c")
    assert read_frozen_question(project.folder / "studies/c/asked.json").answers == [2, 3]


@pytest.mark.slow
def test_one_of_two_simultaneous_studies_is_analysed(project):
    for name, eta in (("b", "0.05"), ("c", "0.02")):
        ask(project, THREE_SEEDS.replace("seeds: 3", "seeds: [7, 8]").replace("0.05]", f"{eta}]"), name)
    while_c_trains = """
import sys
def answer_b(event, given):
    if event == "os.rename" and str(given[1]).endswith("studies/c/trials.csv") and not Path("studies/b").exists():
        conduct(Path("studies/b.yaml"), 1, None)
sys.addaudithook(answer_b)
conduct(Path("studies/c.yaml"), 1, None)
"""
    done = with_code(project, while_c_trains)
    line = f"studies/b.yaml has shown results of eta=0.1 with seeds 7 and 8; write `seeds: [4, 5]`{ANEW}"
    assert f"WrongInput: studies/c.yaml: {line}" in done.stderr
    for name, answers in (("b", [2]), ("c", [])):
        assert read_frozen_question(project.folder / f"studies/{name}/asked.json").answers == answers


@pytest.mark.slow
def test_the_first_analysis_of_several_questions_counts(project):
    """Also if the other one has all its trainings, and only its answer is missing."""
    both = THREE_SEEDS.replace("seeds: 3", "seeds: [7, 8]")
    ask(project, both, "c")
    with chdir(project.folder):
        write_frozen_question(read_study(Path("studies/c.yaml")))  # begun
    ask(project, both.replace("0.05]", "0.02]"), "b")
    conducted(project, "b")
    line = f"studies/b.yaml has shown results of eta=0.1 with seeds 7 and 8; write `seeds: [4, 5]`{ANEW}"
    assert refused(project, "c") == f"studies/c.yaml: {line}"
    assert "studies/c: 0 of 4 trials, and no answer yet" in said(project, "compare", "studies/c", code=2)[1]


def test_a_study_without_an_answer_shows_how_many_trials_it_has_and_no_mean(project):
    path = project.folder / "studies/a/asked.json"
    asked = json.loads(path.read_text())
    path.write_text(json.dumps(asked | {"answers": []}))
    for options, code in ((), 2), (("--format", "json"), 2), (("--require", "better"), 6):
        printed, line = said(project, "compare", "studies/a", *options, code=code)
        assert printed == ""
        assert line.endswith("6 of 6 trials, and no answer yet; `charloom study studies/a.yaml` trains and answers\n")
    path.write_text(json.dumps(asked))
    conducted(project)
    with chdir(project.folder):
        assert answered(study_measurements(read_study(Path("studies/a.yaml")))).comparisons[0].n == 3
