"""A question has one analysis: it stays under any name, after restarts and kills, and beside other questions."""

import json
import signal
from contextlib import chdir
from pathlib import Path

import pytest
from projects import copied, said
from study_projects import THREE_SEEDS, ask, conducted, refused, tables, with_code

from charloom.results.study_table import read_frozen_question
from charloom.study.freeze import read_study
from charloom.study.measuring import study_measurements
from seedpairs import answered


@pytest.fixture
def project(answered_once, tmp_path):
    return copied(answered_once, tmp_path / "project")


@pytest.mark.slow
def test_a_question_keeps_its_analysis_after_anew_and_added_seeds_support_no_claim(project):
    folder = project.folder / "studies/a"
    answer = tables(folder)
    assert conducted(project, anew=True).startswith("studies/a: its old tables are in .charloom/studies/")
    assert tables(folder) == answer
    before = said(project, "compare", "studies/a")[0]
    ask(project, THREE_SEEDS.replace("seeds: 3", "seeds: 5"))
    conducted(project)
    assert read_frozen_question(folder / "asked.json").answers == [3, 5]
    after = said(project, "compare", "studies/a")[0]
    difference, p = before[before.index("  difference") :].splitlines()[:2]
    assert f"{difference}\n{p}\n" in after
    assert "3 seeds, and no looks were declared: 2 more seeds shown, but not" in " ".join(after.split())
    conducted(project, anew=True)
    assert said(project, "compare", "studies/a")[0] == after


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
    assert "looks: [2, 3] at the first start, [] now" in refused(project, "c")
    project.edit("studies/c.yaml", "seeds: [7, 8, 9]\n", "seeds: [7, 8, 9]\nlooks: [2, 3]\n")
    assert "studies/c.yaml: 2 of 6 trials to train" in conducted(project, "c")
    assert read_frozen_question(project.folder / "studies/c/asked.json").answers == [2, 3]


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
