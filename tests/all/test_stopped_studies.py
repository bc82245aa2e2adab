"""A study that is stopped in any way gives the same tables and page, and the pipeline makes its rows again."""

import json
import os
import shutil
import signal
import time

import psutil
import pytest
from projects import SMALL, Project, copied, make, said, started, until
from study_projects import ask, tables

# A trial takes some tenths of a second, so that a kill hits one.
LONGER = {**SMALL, "updates: 400": "updates: 20000", "checkpoint_every: 200": "checkpoint_every: 5000"}
TWO = "vary: {eta: [0.1, 0.05]}\nbaseline: {}\nseeds: 2\nmeasure: held_out_bits_per_character\n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A project, and the tables of a study that nothing has disturbed."""
    project = make(tmp_path_factory.mktemp("studies") / "project", LONGER)
    folder = ask(project)
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "-m", "a question")
    said(project, "study", "studies/a.yaml", "--jobs", "2")
    made = tables(folder)
    assert set(made) == {"asked.json", "trials.csv", "curves.csv", "passages.csv", "report.html"}
    shutil.rmtree(folder)
    return project, made


def rows(project: Project) -> int:
    path = project.folder / "studies/a/trials.csv"
    return len(path.read_text().splitlines()) - 1 if path.exists() else 0


def test_a_study_killed_five_times_gives_the_same_tables_and_leaves_one_copy_of_the_text_till_the_next_start(
    whole, tmp_path, monkeypatch
):
    project, made = copied(whole[0], tmp_path / "project"), whole[1]
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    for _ in range(5):
        before = rows(project)
        study = started(project, "charloom", "study", "studies/a.yaml", "--jobs", "2")
        until(lambda least=before: rows(project) > least)
        children = psutil.Process(study.pid).children(recursive=True)
        study.kill()  # it alone: its workers have to notice
        study.wait()
        psutil.wait_procs(children, timeout=20)
        assert not any(child.is_running() for child in children)
        assert len([*(project.folder / ".charloom/studies").glob("*.npz")]) == 1
    assert [*(tmp_path / "temporary").rglob("*.npz")] == []
    said(project, "study", "studies/a.yaml", "--jobs", "2")
    assert tables(project.folder / "studies/a") == made
    assert [*(project.folder / ".charloom/studies").glob("*.npz")] == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_study_in_a_line_and_keeps_its_rows(whole, tmp_path, number, code):
    project, made = copied(whole[0], tmp_path / "project"), whole[1]
    study = started(project, "charloom", "study", "studies/a.yaml", "--jobs", "2")
    until(lambda: rows(project) >= 1)
    os.killpg(study.pid, number)  # as a terminal does: its workers get it too
    assert study.wait(30) == code
    kept = f"{rows(project)} of 16 trials are kept; the same command continues"
    last = (project.folder / "printed.txt").read_text().splitlines()[-1]
    assert last == f"stopped by {number.name}; studies/a.yaml: {kept}"
    assert rows(project) >= 1
    said(project, "study", "studies/a.yaml", "--jobs", "2")
    assert tables(project.folder / "studies/a") == made


@pytest.mark.parametrize("after", [0.0, 0.1, 0.3])
def test_a_signal_while_workers_start_is_a_line_too(whole, tmp_path, after):
    project = copied(whole[0], tmp_path / "project")
    study = started(project, "charloom", "study", "studies/a.yaml", "--jobs", "2")
    until(lambda: "trials to train" in (project.folder / "printed.txt").read_text())
    time.sleep(after)
    os.killpg(study.pid, signal.SIGINT)
    assert study.wait(30) == 130
    printed = (project.folder / "printed.txt").read_text()
    assert "Traceback" not in printed
    assert printed.splitlines()[-1].startswith("stopped by SIGINT; studies/a.yaml: ")


def test_a_worker_that_is_killed_is_replaced_and_its_trial_trained_again(whole, tmp_path):
    project, made = copied(whole[0], tmp_path / "project"), whole[1]
    study = started(project, "charloom", "study", "studies/a.yaml", "--jobs", "2")
    until(lambda: rows(project) >= 1)
    workers = [each for each in psutil.Process(study.pid).children() if "spawn_main" in " ".join(each.cmdline())]
    assert len(workers) == 2
    workers[0].kill()
    assert study.wait(60) == 0, (project.folder / "printed.txt").read_text()
    assert tables(project.folder / "studies/a") == made


def test_two_at_once_are_told_of_each_other(whole, tmp_path):
    project = copied(whole[0], tmp_path / "project")
    study = started(project, "charloom", "study", "studies/a.yaml", "--jobs", "2")
    until(lambda: rows(project) >= 1)
    _, complaint = said(project, "study", "studies/a.yaml", code=5)
    assert complaint == f"busy: process {study.pid} runs this study; wait until it has ended, or end it\n"
    assert study.wait(60) == 0


def test_dvcs_experiments_are_compared(project):
    project.run("dvc", "exp", "run", "-n", "tamed", "-S", "train.initial_accumulator_value=10")
    content = json.loads(said(project, "compare", "--format", "json")[0])
    setting, train = "train.initial_accumulator_value=10", project.folder / "metrics/train.json"  # the experiment's
    assert content["baseline"] == "train.initial_accumulator_value=0"
    assert content["warnings"] == []
    means = {each["setting"]: each["mean"] for each in content["summaries"]}
    assert means[setting] == json.loads(train.read_text())["held_out_bits_per_character"]


def test_every_row_is_what_the_pipeline_makes_and_an_edited_one_is_named(tmp_path):
    project = make(tmp_path / "project", SMALL)
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "-m", "a project")
    text = project.folder / "data/own.txt"  # which Git does not know
    text.write_text((project.folder / "data/fox.txt").read_text().upper())
    project.edit("params.yaml", "data/fox.txt", "data/own.txt")
    ask(project, TWO)
    said(project, "study", "studies/a.yaml", "--jobs", "2")
    printed, _ = said(project, "study", "studies/a.yaml", "--prove", "9")
    assert printed.endswith("\nsame\n")
    assert printed.count("same  eta=") == 4
    table = project.folder / "studies/a/trials.csv"
    content = table.read_text()
    row = content.splitlines()[-1]
    assert row.startswith("0.05,2,trained,")
    bits = row.split(",")[3]
    table.write_text(content.replace(bits, f"{bits[:-1]}{(int(bits[-1]) + 1) % 10}"))
    _, complaint = said(project, "study", "studies/a.yaml", "--prove", "9", code=1)
    start = "first difference: studies/a/trials.csv: eta=0.05, seed 2: held_out_bits_per_character: the table says "
    assert complaint.startswith(start)
    assert complaint.endswith(f"the pipeline {bits}; the hashes of their results are equal\n")
    assert project.run("dvc", "exp", "list").strip() == ""
    table.write_text(content)
    for stage in ("prepare", "train"):
        project.edit(
            "dvc.yaml", f"\n    cmd: python src/{stage}.py\n", f"\n    cmd: python src/{stage}.py\n    frozen: true\n"
        )
        _, complaint = said(project, "study", "studies/a.yaml", "--prove", "1", code=1)
        assert complaint == f"dvc.yaml: DVC does not run frozen stages: {stage}; remove `frozen: true`\n"
        project.edit("dvc.yaml", "    frozen: true\n", "")


def test_a_killed_prove_leaves_nothing_in_the_repository(whole, tmp_path):
    project = copied(whole[0], tmp_path / "project")
    (project.folder / "studies/a").mkdir()
    for name, content in whole[1].items():
        (project.folder / "studies/a" / name).write_bytes(content)
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "-m", "a study")
    before = project.contents(), project.run("git", "for-each-ref"), project.run("git", "stash", "list")
    process = started(project, "charloom", "study", "studies/a.yaml", "--prove", "3", TMPDIR=str(tmp_path))
    until(lambda: list(tmp_path.glob("charloom-prove-*/clone/data/prepared/text.npz")), 120)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    after = project.contents(), project.run("git", "for-each-ref"), project.run("git", "stash", "list")
    assert after == before
    (project.folder / "printed.txt").unlink()
    assert project.run("git", "status", "--porcelain") == ""
