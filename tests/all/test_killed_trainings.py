"""Real processes: killed by SIGKILL anywhere and started again, a training ends where an undisturbed one ends."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from projects import Project, started, until

from charloom.base.storage import sha256

KILLER = Path(__file__).with_name("killer.py")
UPDATES = 40


@pytest.fixture
def short(project, request) -> Project:
    """A project of 40 updates whose states are saved every `param` updates."""
    project.edit("params.yaml", "updates: 400", f"updates: {UPDATES}")
    project.edit("params.yaml", "checkpoint_every: 200", "checkpoint_every: 15")
    project.edit("params.yaml", "save_every: 100", f"save_every: {request.param}")
    return project


def killed(project, *histories: str) -> list[dict]:
    return json.loads(project.run("python", str(KILLER), *histories).splitlines()[-1])


@pytest.mark.parametrize("short", [1], indirect=True)
def test_killed_after_every_update_it_ends_with_the_same_bytes(short):
    alone, chained = killed(short, "0", ",".join(["1"] * UPDATES) + ",0")
    assert alone["printed"][0].endswith("exit 0")
    assert len(chained["printed"]) == UPDATES + 1
    for update, printed in enumerate(chained["printed"][1:], start=1):
        assert f"resumed at update {update}\n" in printed
    assert chained["outputs"] == alone["outputs"]
    assert len(alone["outputs"]) == 3 + 2 + 1 + 5
    assert list((short.folder / ".charloom/train").iterdir()) == []


@pytest.mark.parametrize("short", [1], indirect=True)
@pytest.mark.parametrize(("order", "batch"), [("reading", 3), ("chunks", 1), ("positions", 1), ("chunks", 3)])
def test_so_it_does_with_adam_in_each_order_and_with_a_batch(short, order, batch):
    for old, new in (
        ("optimizer: adagrad", "optimizer: adam"),
        ("batch: 1 ", f"batch: {batch} "),
        ("order: reading", f"order: {order}"),
        ("chunk_length: 1000", "chunk_length: 40"),
    ):
        short.edit("params.yaml", old, new)
    alone, chained = killed(short, "0", ",".join(["1"] * UPDATES) + ",0")
    assert f"resumed at update {UPDATES}\n" in chained["printed"][-1]
    assert chained["outputs"] == alone["outputs"]


@pytest.mark.parametrize("short", [7], indirect=True)
def test_killed_once_after_any_number_of_updates_it_ends_with_the_same_bytes(short):
    alone, *others = killed(short, "0", *(f"{update},0" for update in range(1, UPDATES + 1)))
    for update, other in enumerate(others, start=1):
        assert other["printed"][0].endswith("exit -9"), update
        assert other["outputs"] == alone["outputs"], update
        resumed = re.findall(r"resumed at update (\d+)", other["printed"][1])
        assert resumed == ([str(update // 7 * 7)] if update >= 7 else [])


@pytest.mark.parametrize("short", [7], indirect=True)
def test_stopped_by_a_signal_in_any_update_it_goes_on_from_the_next(short):
    alone, *others = killed(short, "0", *(f"-{update},0" for update in range(1, UPDATES + 1)))
    for update, other in enumerate(others, start=1):
        assert other["printed"][0].endswith("stopped by SIGTERM\nexit 143"), update
        assert f"resumed at update {min(update + 1, UPDATES)}\n" in other["printed"][1]
        assert other["outputs"] == alone["outputs"], update


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "SIGINT"), (signal.SIGTERM, 143, "SIGTERM"), (signal.SIGHUP, 129, "SIGHUP")],
)
def test_a_signal_saves_and_ends_within_two_seconds_and_a_second_one_at_once(long, number, code, word):
    stage = started(long, "python", "src/train.py")
    until(long.states)
    sent = time.monotonic()
    stage.send_signal(number)
    assert stage.wait(timeout=10) == code
    assert time.monotonic() - sent < 2
    printed = (long.folder / "printed.txt").read_text()
    assert f"stopped by {word}" in printed
    assert "Traceback" not in printed
    update = int(long.states()[-1].stem)
    stage = started(long, "python", "src/train.py")
    until(lambda: f"resumed at update {update}\n" in (long.folder / "printed.txt").read_text())
    stage.send_signal(signal.SIGINT)
    stage.send_signal(signal.SIGINT)
    assert stage.wait(timeout=2) in {130, -signal.SIGINT}


def test_a_signal_while_the_kernel_compiles_ends_the_stage_at_once(project, tmp_path):
    stage = started(project, "python", "src/train.py", NUMBA_CACHE_DIR=str(tmp_path / "empty"))
    until(lambda: (project.folder / ".charloom/stage.lock").exists())
    time.sleep(3)
    sent = time.monotonic()
    stage.terminate()
    assert stage.wait(timeout=20) == -signal.SIGTERM
    assert time.monotonic() - sent < 2
    assert "Traceback" not in (project.folder / "printed.txt").read_text()


def test_a_second_writer_is_refused_with_the_pid_of_the_first(long, tmp_path):
    stage = started(long, "python", "src/train.py")
    try:
        until(long.states)
        for change in ("eta: 0.1", "eta: 0.2"):
            long.edit("params.yaml", "eta: 0.1", change)
            assert long.run("python", "src/train.py", expect=5) == (
                f"busy: process {stage.pid} runs a stage in this folder; wait until it has ended, or end it\n"
            )
        assert f"process {stage.pid}" in long.run("dvc", "repro", "train", expect=255)
        long.edit("params.yaml", "eta: 0.2", "eta: 0.1")
        elsewhere = tmp_path / "elsewhere"  # as a temporary experiment has a folder of its own, and the training key
        shutil.copytree(long.folder, elsewhere, ignore=shutil.ignore_patterns(".charloom", "*mlflow.db*"))
        root = {"DVC_ROOT": str(long.folder)}
        printed = long.run("python", "src/train.py", expect=5, cwd=elsewhere, **root)
        assert printed.startswith(f"busy: process {stage.pid} runs this training; wait until it has ended")
    finally:
        stage.kill()
        stage.wait()
    stage = started(long, "python", "src/train.py")  # the dead holder's locks are free
    until(lambda: "resumed at update" in (long.folder / "printed.txt").read_text())
    stage.kill()
    stage.wait()


def test_an_orphan_of_a_killed_dvc_finishes_and_is_not_disturbed(project):
    project.edit("params.yaml", "updates: 400", "updates: 1500000")
    project.edit("params.yaml", "save_every: 100", "save_every: 10000")
    project.edit("params.yaml", "checkpoint_every: 200", "checkpoint_every: 500000")
    dvc = started(project, "dvc", "repro", "train")
    until(project.states)
    dvc.kill()
    dvc.wait()
    assert "busy: process" in project.run("dvc", "repro", "--force", "train", expect=255)
    until(lambda: not (project.folder / ".charloom/stage.lock").exists())
    orphans = {name: content for name, content in project.contents().items() if name.startswith(("models", "plots"))}
    assert len(orphans) == 5 + 4 + 2
    project.run("dvc", "repro", "train")
    assert orphans.items() <= project.contents().items()


@pytest.fixture
def stopped(short) -> Project:
    """A training that was killed after 22 updates, with its two states, and what it should come to."""
    (alone,) = killed(short, "0")
    killed(short, "22")
    assert [path.stem for path in short.states()] == ["000000000014", "000000000021"]
    short.alone = alone["outputs"]
    return short


@pytest.mark.parametrize("short", [7], indirect=True)
@pytest.mark.parametrize(
    ("file", "old", "new", "line"),
    [
        ("params.yaml", "eta: 0.1", "eta: 0.2", "eta was 0.1, is 0.2"),
        ("params.yaml", "updates: 40", "updates: 41", "train.updates was 40, is 41"),
        (
            "src/charloom/model/scoring.py",
            "CHUNK = 100 ",
            "CHUNK = 200 ",
            "changed files: src/charloom/model/scoring.py",
        ),
        ("data/fox.txt", "brown", "green", "changed files: data/prepared/text.npz, metrics/prepare.json"),
    ],
)
def test_under_anything_else_it_starts_afresh_and_says_what_differs(stopped, file, old, new, line):
    newest = stopped.states()[-1]
    stopped.edit(file, old, new)
    stopped.run("python", "src/prepare.py")
    printed = stopped.run("python", "src/train.py")
    assert f"not resumed from {newest.resolve()}: {line}\n" in printed
    assert "resumed at" not in printed
    assert len(stopped.states()) == 2


@pytest.mark.parametrize("short", [7], indirect=True)
@pytest.mark.parametrize(("nobody", "code"), [("2>&1 | true", 5), ("2> /dev/full", 5), ("2>&-", 0)])
def test_who_closes_or_fills_what_a_stage_prints_ends_it_and_the_next_start_goes_on(stopped, nobody, code):
    newest = stopped.states()[-1]
    newest.write_bytes(newest.read_bytes()[:-1])  # so that there is something to warn of
    clear = f"rm -rf models plots metrics/train.json; {sys.executable} src/train.py"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {clear} {nobody}"], cwd=stopped.folder, env=stopped.environment(),
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    if code:
        assert "resumed at update" in stopped.run("python", "src/train.py")
    assert {name: sha256(stopped.folder / name) for name in stopped.alone} == stopped.alone
