"""A study that is stopped in any way gives the same tables and page, and the pipeline makes its rows again."""

import os
import shutil
import signal
import time
from contextlib import suppress

import numpy as np
import psutil
import pytest
from projects import SMALL, Project, copied, make, said, seed_of_the_week, started, until
from study_projects import ask, rows, tables

# A trial takes some tenths of a second, so that a kill hits one.
LONGER = {**SMALL, "updates: 400": "updates: 40000", "checkpoint_every: 200": "checkpoint_every: 5000"}
STUDY = ("study", "studies/a.yaml", "--jobs", "2")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A project, and the tables of a study that nothing has disturbed."""
    project = make(tmp_path_factory.mktemp("studies") / "project", LONGER)
    folder = ask(project)
    project.commit("a question")
    said(project, *STUDY)
    made = tables(folder)
    assert set(made) == {"asked.json", "trials.csv", "curves.csv", "passages.csv", "report.html"}
    shutil.rmtree(folder)
    return project, made


def at_work(project: Project):
    """Start the study, and return it when it has one more row."""
    before, study = rows(project), started(project, "charloom", *STUDY)
    until(lambda: len(rows(project)) > len(before), 120)
    return study


def workers(study) -> set[psutil.Process]:
    """Return the study's workers that have not ended."""
    found = set()
    for child in psutil.Process(study.pid).children():
        with suppress(psutil.Error):
            if "spawn_main" in " ".join(child.cmdline()):
                found.add(child)
    return found


def test_a_study_that_is_stopped_again_and_again_gives_the_same_tables(whole, tmp_path, monkeypatch):
    """It leaves one copy of the text till the next start."""
    project, made = copied(whole[0], tmp_path / "project"), whole[1]
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    study = started(project, "charloom", *STUDY)
    until(lambda: "trials to train" in project.log())
    time.sleep(np.random.default_rng(seed_of_the_week()).uniform(0, 0.3))  # its workers start
    os.killpg(study.pid, signal.SIGINT)
    assert study.wait(60) == 130
    assert "\nstopped by SIGINT; studies/a.yaml: " in project.log()

    study = at_work(project)
    _, complaint = said(project, *STUDY, code=5)
    assert complaint == f"busy: process {study.pid} runs this study; wait until it has ended, or end it\n"
    children = psutil.Process(study.pid).children(recursive=True)
    study.kill()  # it alone: its workers have to notice
    study.wait()
    psutil.wait_procs(children, timeout=60)
    assert not any(child.is_running() for child in children)
    assert len([*(project.folder / ".charloom/studies").glob("*.npz")]) == 1
    assert [*(tmp_path / "temporary").rglob("*.npz")] == []

    study = at_work(project)
    first, second = workers(study)
    first.kill()
    until(lambda: len(workers(study) - {first, second}) == 2)  # a new pool
    os.killpg(study.pid, signal.SIGTERM)  # as a terminal does with SIGINT: its workers get it too
    assert study.wait(60) == 143
    kept = f"{len(rows(project))} of 16 trials are kept; the same command continues"
    assert project.log().endswith(f"\nstopped by SIGTERM; studies/a.yaml: {kept}\n")
    assert project.log().count("a worker was lost ") == 1  # and not those that the signal ended

    said(project, *STUDY)
    assert tables(project.folder / "studies/a") == made
    assert [*(project.folder / ".charloom/studies").glob("*.npz")] == []


def test_every_row_is_what_the_pipeline_makes_and_an_edited_one_is_named(tmp_path):
    project = make(tmp_path / "project", SMALL)
    project.commit("a project")
    text = project.folder / "data/own.txt"  # which Git does not know
    text.write_text((project.folder / "data/fox.txt").read_text().upper())
    project.edit("params.yaml", "data/fox.txt", "data/own.txt")
    ask(project, "vary: {eta: [0.1, 0.05]}\nbaseline: {}\nseeds: 1\nmeasure: held_out_bits_per_character\n")
    said(project, *STUDY)
    printed, _ = said(project, "study", "studies/a.yaml", "--prove", "9")
    assert (printed.endswith("\nsame\n"), printed.count("same  eta=")) == (True, 2)
    table = project.folder / "studies/a/trials.csv"
    content = table.read_text()
    eta, seed, outcome, bits, *_ = content.splitlines()[-1].split(",")
    assert (eta, seed, outcome) == ("0.05", "1", "trained")
    table.write_text(content.replace(bits, f"{bits[:-1]}{(int(bits[-1]) + 1) % 10}"))
    _, complaint = said(project, "study", "studies/a.yaml", "--prove", "9", code=1)
    row = "eta=0.05, seed 1: held_out_bits_per_character: "
    assert complaint.startswith(f"first difference: studies/a/trials.csv: {row}")
    assert complaint.endswith(f"the pipeline {bits}\n")
    assert project.run("dvc", "exp", "list").strip() == ""
    table.write_text(content)
    project.edit("dvc.yaml", "    cmd: python src/train.py\n", "    cmd: python src/train.py\n    frozen: true\n")
    _, complaint = said(project, "study", "studies/a.yaml", "--prove", "1", code=1)
    assert complaint == "dvc.yaml: train is frozen, and DVC does not run it; remove `frozen: true`\n"
