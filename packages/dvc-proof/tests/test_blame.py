"""Each commit that changed a result is found with its cause, by dvc.lock's history; --prove finds a lock that lies."""

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from repositories import COUNT, NAMED, Repository


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@pytest.fixture
def history(tmp_path) -> Repository:
    """A repository whose commits `record` makes; DVC is not needed for it."""
    repository = Repository(tmp_path)
    repository.run("git", "init", "-q", "-b", "main")
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").touch()
    return repository


def record(
    repository: Repository, loss, eta=1, code="1", data="1", metric="metric.json", model="model.bin", lock=True
) -> str:
    """Commit the result of a pipeline as DVC would."""
    text = json.dumps({"loss": loss})
    for path in repository.folder.glob("*.json"):
        path.unlink()
    stages = {
        "prepare": {"cmd": "x", "deps": [entry("raw", data)], "outs": [entry("data", f"of {data}")]},
        "train": {
            "cmd": "y",
            "deps": [entry("data", f"of {data}"), entry("train.py", code)],
            "params": {"params.yaml": {"eta": eta}},
            "outs": [entry(metric, text), entry(model, f"{eta} {code} {data}")],
        },
    }
    (repository.folder / metric).write_text(text)
    if lock:
        lines = [
            f"  {name}:\n    cmd: {stage['cmd']}\n"
            + "".join(
                f"    {kind}:\n"
                + "".join(f"    - path: {p}\n      hash: md5\n      md5: {h}\n" for p, h in stage[kind])
                + (
                    f"    params:\n      params.yaml:\n        eta: {eta}\n"
                    if kind == "deps" and "params" in stage
                    else ""
                )
                for kind in ("deps", "outs")
            )
            for name, stage in stages.items()
        ]
        (repository.folder / "dvc.lock").write_text("schema: '2.0'\nstages:\n" + "".join(lines))
    return repository.commit()[:10]


def entry(path: str, content: str) -> tuple[str, str]:
    return path, md5(content)


def told(repository: Repository, result: str) -> list[tuple[str, str]]:
    """Return commit and what is told after the author, for each line."""
    lines = repository.proof("blame", result).splitlines()
    return [(line.split()[0], line.partition("ann: ")[2]) for line in lines]


def test_each_change_has_its_values_and_the_first_stage_with_its_cause(history):
    first = record(history, 4.0)
    by_param = record(history, 3.0, eta=2)
    record(history, 3.0, eta=2)
    by_code = record(history, 2.0, eta=2, code="2")
    by_data = record(history, float("nan"), eta=2, code="2", data="2")
    record(history, float("nan"), eta=2, code="3", data="2")
    assert told(history, "metric.json:loss") == [
        (by_data, "2.0 → NaN; prepare: raw"),
        (by_code, "3.0 → 2.0; train: train.py"),
        (by_param, "4.0 → 3.0; train: eta 1 → 2"),
        (first, "nothing → 4.0; no dvc.lock before"),
    ]
    models = told(history, "model.bin")
    assert [commit for commit, _ in models][1:] == [by_data, by_code, by_param, first]
    assert models[3][1] == f"{md5('1 1 1')[:8]} → {md5('2 1 1')[:8]}; train: eta 1 → 2"


def test_an_edit_a_lost_lock_and_a_value_that_returns_are_said(history):
    record(history, 4.0)
    edited = record(history, 3.0, lock=False)
    back = record(history, 4.0, lock=False)
    (history.folder / "dvc.lock").unlink()
    without = record(history, 2.0, lock=False)
    assert told(history, "metric.json:loss")[:3] == [
        (without, "4.0 → 2.0; no dvc.lock"),
        (back, "3.0 → 4.0; dvc.lock has not changed: it was edited, or committed apart"),
        (edited, "4.0 → 3.0; dvc.lock has not changed: it was edited, or committed apart"),
    ]


def test_a_renamed_result_is_followed(history):
    first = record(history, 4.0)
    second = record(history, 3.0, eta=2)
    renamed = record(history, 3.0, eta=2, metric="other.json", model="best.bin")
    assert told(history, "other.json:loss") == [
        (renamed, "3.0 → 3.0; renamed from metric.json"),
        (second, "4.0 → 3.0; train: eta 1 → 2"),
        (first, "nothing → 4.0; no dvc.lock before"),
    ]
    assert [commit for commit, _ in told(history, "best.bin")] == [renamed, second, first]


def test_a_merge_is_a_change_only_if_no_parent_has_its_value(history):
    record(history, 4.0)
    history.run("git", "checkout", "-q", "-b", "side")
    side = record(history, 3.0, eta=2)
    history.run("git", "checkout", "-q", "main")
    main = record(history, 2.0, code="2")
    history.run("git", *NAMED, "merge", "-q", "-s", "ours", "--no-commit", "side")
    merged = record(history, 1.0, eta=2, code="2")
    lines = dict(told(history, "metric.json:loss"))
    assert lines[merged] == "2.0 → 1.0; train: eta 1 → 2; a merge: none of its parents has this value"
    assert (lines[side], lines[main]) == ("4.0 → 3.0; train: eta 1 → 2", "4.0 → 2.0; train: train.py")
    history.run("git", "checkout", "-q", "-b", "other", "HEAD^1")
    history.run("git", *NAMED, "merge", "-q", "-s", "ours", "side", "-m", "ours")
    assert [commit for commit, _ in told(history, "metric.json:loss")][:2] in ([main, side], [side, main])


def test_any_author_reader_and_terminal_is_served(history):
    """A line separator in an author's name ends no line; a terminal without a letter shows its number."""
    record(history, 4.0)
    author = ("-c", "user.name=Ann\u2028名", "-c", "user.email=ann@example.invalid")
    history.run("git", *author, "commit", "-q", "--amend", "--reset-author", "-m", "by another author")
    command = sys.executable, "-m", "dvc_proof", "blame", "metric.json:loss"
    shown = history.run(*command, PYTHONIOENCODING="latin-1")
    assert "Ann\\u2028\\u540d: nothing \\u2192 4.0" in shown
    read, write = os.pipe()
    os.close(read)  # as `| head` does
    variables, full = os.environ | {"PYTHONUNBUFFERED": ""}, os.open("/dev/full", os.O_WRONLY)
    for output, reason in (write, b"[Errno 32] Broken pipe\n"), (full, b"[Errno 28] No space left on device\n"):
        done = subprocess.run(
            command, cwd=history.folder, stdout=output, stderr=subprocess.PIPE, check=False, env=variables
        )
        os.close(output)
        assert (done.returncode, done.stderr) == (2, reason)
    assert history.run("sh", "-c", f"{shlex.join(command)} >&-") == ""  # standard output is closed


@pytest.mark.parametrize("result", ["nothing.json", "metric.json:lost", "model.bin:loss", "raw"])
def test_a_result_that_there_is_not_is_one_line(history, result):
    record(history, 4.0)
    printed = history.proof("blame", result, expect=2)
    assert "HEAD has no such result" in printed
    assert len(printed.splitlines()) == 1


@pytest.mark.slow
def test_a_lock_that_lies_is_found_by_prove(project):
    project.edit("params.yaml", "2", "3")
    project.run("dvc", "repro", "-q")
    project.commit()
    printed = project.proof("blame", "count.json:words", "--prove")
    assert printed.splitlines()[0].endswith("10 → 15; count: times 2 → 3")
    assert printed.count(": rebuilt: as committed\n") == 2
    assert "running the commands of count, and of the stages that it needs, of " in printed
    assert "rebuilding split" not in printed
    project.edit("dvc.yaml", "split -l 1", "split -l 2")  # its dvc.lock is stale, and blames no other stage
    project.commit()
    project.edit("params.yaml", "3", "4")
    project.run("dvc", "repro", "-q", "count")
    project.commit()
    assert project.proof("blame", "count.json:words", "--prove").count(": rebuilt: as committed\n") == 2
    project.edit("count.json", "20", "19")
    edited = project.commit()[:10]
    printed = project.proof("blame", "count.json:words", "--prove", expect=1)
    assert "cause  count.json: edited after count made it: dvc.lock has the hash of what was rebuilt" in printed
    assert f"{edited}: rebuilt: unlike the committed results" in printed
    project.edit("count.json", "19", "21")
    project.relock("count.json")
    lie = project.commit()[:10]
    printed = project.proof("blame", "count.json:words", "--prove", expect=1)
    assert f"{lie}: rebuilt: unlike the committed results" in printed
    assert "the same inputs: it is not deterministic" in printed
    assert COUNT in (project.folder / "count.py").read_text()


@pytest.mark.slow
def test_prove_says_that_the_commit_before_has_no_such_stage(project):
    with (project.folder / "dvc.yaml").open("a") as file:
        file.write("  new:\n    cmd: echo 1 > new.txt\n    outs: [new.txt: {cache: false}]\n")
    project.run("dvc", "repro", "-q")
    project.commit()
    printed = project.proof("blame", "new.txt", "--prove", expect=2)
    assert ": rebuilt: as committed\n" in printed
    assert re.search(r"^new: commit \w{8} has no such stage$", printed, re.MULTILINE)
