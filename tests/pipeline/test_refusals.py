"""A stage that cannot do its work says so in a line, ends with the code for it, and loses nothing."""

import json
import os
import re
import sys
import time
from pathlib import Path

import pytest
from projects import ROOT, copied, said

from charloom.core.base.storage import exclusive

PARAMS, README = "params.yaml", ROOT / "README.md"
MUCH = 10**15
GRADCHECK = "metrics/gradcheck.json"


def one_line(printed: str, *words: str) -> None:
    assert printed.count("\n") == 1, printed
    assert "Traceback" not in printed
    for word in words:
        assert word in printed


def test_a_text_that_was_decoded_wrongly_before_gets_a_warning(project):
    text = project.folder / "data/fox.txt"
    assert "U+FFFD" not in project.stage("prepare")
    text.write_bytes(text.read_bytes().decode("ascii", "replace").encode())
    assert "warning: the text contains U+FFFD" in project.stage("prepare")


@pytest.mark.slow
def test_plain_dvc_repro_meets_the_door_too_and_loses_nothing(project):
    before = project.contents()
    project.edit("params.yaml", "temperature: 1.0", "temprature: 1.0")
    printed = project.run("dvc", "repro", expect=255)
    assert project.stages(printed) == ["prepare"]
    assert "params.yaml: sample.temprature: unknown key" in printed
    assert project.contents() == before


@pytest.mark.slow
def test_readmes_way_back_restores_an_edit_that_git_does_not_see(project):
    paths = [project.folder / name for name in (PARAMS, "dvc.lock", "metrics/results.json")]
    committed = [path.read_bytes() for path in paths]
    project.run("git", "config", "core.trustctime", "false")  # DVC's own edit of the same second cannot be made at will
    project.run("git", "update-index", "--refresh")
    for path in paths:
        times = path.stat()
        path.write_bytes(path.read_bytes().replace(b"1", b"2"))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert project.run("git", "status", "--porcelain", "--untracked-files=no") == ""
    (line,) = re.findall(r"^(git read-tree .*?)  +#", README.read_text("utf-8"), re.MULTILINE)
    project.run("bash", "-e", "-c", line)
    assert [path.read_bytes() for path in paths] == committed


@pytest.mark.slow
def test_a_text_that_is_too_large_is_refused_before_it_is_hashed(project):
    os.truncate(project.folder / "data/fox.txt", 20_000_000_000)
    line, began = "data/fox.txt: 20,000,000,000 bytes; allowed are at most 1,000,000,000", time.monotonic()
    for arguments in ("prepare", "prepare --check"):
        one_line(project.stage(*arguments.split(), code=2), line)
    vary = ("--vary", "eta=0.1,0.05")
    assert said(project, "study", "new", "studies/b.yaml", *vary, code=2) == ("", f"{line}\n")
    assert time.monotonic() - began < 10  # hashing it takes longer each time


def test_a_diverging_training_names_the_update_and_keeps_the_last_finite_state(project):
    project.edit("params.yaml", "eta: 0.1", "eta: 1e308")
    for resumed in ("", "resumed at update 1\n"):
        printed = project.stage("train", code=4)
        assert printed == f"{resumed}training diverged at update 1: the loss is nan; a smaller eta may help\n"
        assert [path.name for path in project.states()] == ["000000000001.state"]
    for file in project.folder.glob("metrics/*.json"):
        json.loads(file.read_text(), parse_constant=pytest.fail)


@pytest.mark.slow_but_first
@pytest.mark.parametrize(("edit", "stages", "code", "line"), [  # an edit, and what the stages say that it stops
    ((GRADCHECK, "}", ""), "train", 3, f"{GRADCHECK}: "),
    ((GRADCHECK, '"passed": true', '"passed": false'), "train", 1, "the gradient check has failed"),
    (("dvc.yaml", "- models/last.npz", "- models/last.npz\n      - models/last.csv"), "train", 2,
     "stage train has both models/last.npz and models/last.csv; allowed is one file named models/last"),
    ((GRADCHECK, '"passed": true', '"passed": "yes"'), "train", 3, f"{GRADCHECK}: passed: "),
    ((PARAMS, "seq_length: 10", "seq_length: 5000"), "prepare gradcheck train", 2, "needs at least 5001"),
    ((PARAMS, "m: 8", "m: 300000"), "prepare train", 5, "not enough memory: training with m = 300000"),
    ((PARAMS, " length: 200", f" length: {MUCH}"), "prepare sample", 5, f"memory: sample.length: {MUCH} for 3"),
    ((PARAMS, "best_length: 50", f"best_length: {MUCH}"), "prepare sample", 5, f"checkpoints, {MUCH} for the best"),
    ((PARAMS, "data/fox.txt", "data/wolf.txt"), "prepare", 2, "No such file or directory"),
])  # fmt: skip
def test_each_stage_names_the_wrong_input_that_stops_it_and_loses_nothing(project, edit, stages, code, line):
    project.edit(*edit)
    before = project.contents()
    for stage in [*stages.split(), *["prepare --check"] * stages.startswith("prepare")]:
        one_line(project.stage(*stage.split(), code=code), line)
    assert project.contents() == before


def test_outside_a_project_a_stage_says_where_it_starts(project, tmp_path):
    (tmp_path / "params.yaml").write_text((project.folder / "params.yaml").read_text())
    project.folder = tmp_path
    one_line(project.stage("train", code=2), "dvc.yaml: not in this folder")


def test_make_run_outside_a_git_repository_says_what_to_type(project):
    (project.folder / ".git").rename(project.folder / "git")
    one_line(project.stage("prepare", "--check", code=2), "not a Git repository", "`git clone`", "`git init`")


@pytest.mark.parametrize("program", ["src/train.py", str(Path(sys.executable).with_name("charloom"))])
def test_another_python_is_refused_in_a_line(project, program):
    printed = project.run("python", "-S", program, PYTHONPATH="src", expect=2)  # -S: without any installed package
    one_line(printed, "make setup")


@pytest.mark.slow
def test_pytest_refuses_the_environment_of_another_clone_in_a_line(project):
    other = project.folder / "src"
    command = (sys.executable, "-m", "pytest", "-n", "0", "--collect-only", "tests/text")
    printed = project.run(*command, expect=2, cwd=ROOT, PYTHONPATH=str(other))
    one_line(printed, sys.executable, str(other), ". .venv/bin/activate")


def test_a_second_stage_is_refused_with_the_process_number_of_the_first(project):
    with exclusive(project.folder / ".charloom/stage.lock", "it"):
        line = f"busy: process {os.getpid()} runs a stage in this folder; wait until it has ended, or end it\n"
        assert project.stage("prepare", code=5) == project.stage("train", code=5) == line


def test_a_second_one_at_the_same_training_elsewhere_is_refused_too(project, tmp_path, monkeypatch):
    """As a temporary experiment has a folder of its own, and the training key of the main repository."""
    elsewhere = copied(project, tmp_path / "elsewhere")
    monkeypatch.setenv("DVC_ROOT", str(project.folder))
    project.clear()
    project.edit("params.yaml", "eta: 0.1", "eta: 1e308")
    project.stage("train", code=4)  # leaves its state, hence its key
    (state,) = project.states()
    elsewhere.edit("params.yaml", "eta: 0.1", "eta: 1e308")
    with exclusive(state.parent.with_suffix(".lock"), "it"):
        printed = elsewhere.stage("train", code=5)
    assert printed.startswith(f"busy: process {os.getpid()} runs this training; wait until it has ended")
    assert elsewhere.stage("train", code=4).startswith("resumed at update 1\n")


@pytest.mark.slow_but_first
@pytest.mark.parametrize(("stage", "line", "lacks"), [
    ("train", "      - plots/measures.csv: {cache: false}\n", "plots/measures"),
    ("sample", "      - reports/sample_marks.json\n", "reports/sample_marks"),
    ("track", ", reports/sample_table.json", "reports/sample_table"),
])  # fmt: skip
def test_a_file_that_dvc_yaml_does_not_name_is_named(project, stage, line, lacks):
    project.edit("dvc.yaml", line, "")
    printed = project.stage(stage, code=2)
    one_line("".join(printed.splitlines(keepends=True)[-1:]), f"dvc.yaml: stage {stage} has no {lacks}; ")
    assert "Traceback" not in printed
