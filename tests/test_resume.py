"""Killed anywhere and started again, a training ends where an undisturbed one ends."""

import json
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
from conftest import started, until

from charloom.base.storage import sha256

KILLER = Path(__file__).with_name("killer.py")
UPDATES = 40


@pytest.fixture
def short(project, request):
    """A project of 40 updates, gone through gradcheck; its states are saved every `param` updates."""
    project.edit("params.yaml", "updates: 400", f"updates: {UPDATES}")
    project.edit("params.yaml", "checkpoint_every: 200", "checkpoint_every: 15")
    project.edit("params.yaml", "save_every: 100", f"save_every: {request.param}")
    project.run("python", "src/gradcheck.py")
    return project


def killed(project, *histories: str) -> list[dict]:
    return json.loads(project.run("python", str(KILLER), *histories).splitlines()[-1])


@pytest.mark.parametrize("short", [1], indirect=True)
def test_killed_after_every_update_it_ends_with_the_same_bytes_and_each_step_once(short):
    alone, chained = killed(short, "0", ",".join(["1"] * UPDATES) + ",0")
    assert alone["printed"][0].endswith("exit 0")
    for update, printed in enumerate(chained["printed"][1:], start=1):
        assert f"resumed at update {update}\n" in printed
    assert chained["outputs"] == alone["outputs"]
    assert len(alone["outputs"]) == 3 + 2 + 1 + 3
    assert not list((short.folder / ".charloom/train").iterdir())
    short.run("dvc", "commit", "--force", "train")
    short.run("dvc", "repro")
    (run,) = short.runs()
    assert run.info.status == "FINISHED"
    history = short.client().get_metric_history(run.info.run_id, "smooth_loss")
    rows = (short.folder / "plots/smooth_loss.csv").read_text().splitlines()[1:]
    assert [f"{point.step},{point.value!r}" for point in history] == rows


@pytest.mark.parametrize("short", [7], indirect=True)
def test_killed_once_after_any_number_of_updates_it_ends_with_the_same_bytes(short, thorough):
    after = range(1, UPDATES + 1) if thorough else (1, 6, 7, 8, 15, 20, 35, UPDATES)
    alone, *others = killed(short, "0", *(f"{update},0" for update in after))
    for update, other in zip(after, others, strict=True):
        assert other["outputs"] == alone["outputs"], update
        resumed = re.findall(r"resumed at update (\d+)", other["printed"][1])
        assert resumed == ([str(update // 7 * 7)] if update >= 7 else [])


@pytest.mark.parametrize("short", [7], indirect=True)
def test_stopped_by_a_signal_in_any_update_it_goes_on_from_the_next(short):
    after = (1, 6, 7, 38, 39, UPDATES)
    alone, *others = killed(short, "0", *(f"-{update},0" for update in after))
    for update, other in zip(after, others, strict=True):
        assert other["printed"][0].endswith("stopped by SIGTERM\nexit 143")
        assert f"resumed at update {min(update + 1, UPDATES)}\n" in other["printed"][1]
        assert other["outputs"] == alone["outputs"], update


def states(project) -> list[Path]:
    return sorted((project.folder / ".charloom/train").glob("*/*.state"))


@pytest.mark.parametrize(("number", "code", "word"), [(signal.SIGINT, 130, "SIGINT"), (signal.SIGTERM, 143, "SIGTERM")])
def test_a_signal_saves_closes_the_run_and_ends_within_two_seconds(long, number, code, word):
    stage = started(long, "python", "src/train.py")
    until(lambda: states(long) and (long.folder / "mlflow.db").exists() and long.runs())
    sent = time.monotonic()
    stage.send_signal(number)
    assert stage.wait(timeout=10) == code
    assert time.monotonic() - sent < 2
    printed = (long.folder / "printed.txt").read_text()
    assert f"stopped by {word}" in printed
    assert "Traceback" not in printed
    until(lambda: [run.info.status for run in long.runs()] == ["KILLED"], every=0.5)
    update = int(states(long)[-1].stem)
    stage = started(long, "python", "src/train.py")
    until(lambda: f"resumed at update {update}\n" in (long.folder / "printed.txt").read_text())
    stage.send_signal(signal.SIGINT)
    stage.send_signal(signal.SIGINT)
    assert stage.wait(timeout=2) in {130, -signal.SIGINT}


def test_a_second_writer_is_refused_with_the_pid_of_the_first(long, tmp_path):
    stage = started(long, "python", "src/train.py")
    try:
        until(lambda: states(long))
        for change in ("eta: 0.1", "eta: 0.2"):
            long.edit("params.yaml", "eta: 0.1", change)
            printed = long.run("python", "src/train.py", expect=5)
            assert (
                printed
                == f"busy: process {stage.pid} is at a stage in this folder; wait until it has ended, or end it\n"
            )
        assert f"process {stage.pid}" in long.run("dvc", "repro", expect=255)
        long.edit("params.yaml", "eta: 0.2", "eta: 0.1")
        elsewhere = tmp_path / "elsewhere"  # as a temporary experiment has a folder of its own, and the training key
        shutil.copytree(long.folder, elsewhere, ignore=shutil.ignore_patterns(".charloom", "mlflow.db*"))
        root = {"DVC_ROOT": str(long.folder)}
        printed = long.run("python", "src/train.py", expect=5, cwd=elsewhere, **root)
        assert printed.startswith(f"busy: process {stage.pid} is at this training; wait until it has ended")
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
    until(lambda: states(project))
    dvc.kill()
    dvc.wait()
    assert "busy: process" in project.run("dvc", "repro", "--force", expect=255)
    until(lambda: not (project.folder / ".charloom/stage.lock").exists())
    orphans = {name: content for name, content in project.contents().items() if name.startswith(("models", "plots"))}
    assert len(orphans) == 3 + 4 + 2
    project.run("dvc", "repro", "train")
    assert orphans.items() <= project.contents().items()


@pytest.fixture
def stopped(short):
    """A training that was killed after 22 updates, with its two states, and what it should come to."""
    (alone,) = killed(short, "0")
    killed(short, "22")
    assert [path.stem for path in states(short)] == ["000000000014", "000000000021"]
    short.alone = alone["outputs"]
    return short


@pytest.mark.parametrize("short", [7], indirect=True)
def test_a_damaged_state_is_named_and_the_older_one_taken(stopped):
    newest = states(stopped)[-1]
    damaged = bytearray(newest.read_bytes())
    damaged[1000] ^= 1
    newest.write_bytes(damaged)
    (resumed,) = killed(stopped, "0")
    assert f"warning: not resumed from {newest.resolve()}: damaged" in resumed["printed"][0]
    assert "resumed at update 14\n" in resumed["printed"][0]
    assert resumed["outputs"] == stopped.alone


@pytest.mark.parametrize("short", [7], indirect=True)
def test_two_damaged_states_are_no_silent_fresh_start(stopped):
    for path in states(stopped):
        path.write_bytes(path.read_bytes()[:-1])
    before = {path: path.read_bytes() for path in states(stopped)}
    printed = stopped.run("python", "src/train.py", expect=3)
    assert f"to start over: rm -r {states(stopped)[0].parent.resolve()}" in printed
    assert {path: path.read_bytes() for path in states(stopped)} == before
    shutil.rmtree(states(stopped)[0].parent)
    assert killed(stopped, "0")[0]["outputs"] == stopped.alone


@pytest.mark.parametrize("short", [7], indirect=True)
def test_a_lost_checkpoint_makes_its_states_useless_and_an_older_one_serves(stopped):
    (stopped.folder / ".charloom/train").glob("*/15.npz").__next__().unlink()
    (resumed,) = killed(stopped, "0")
    assert "resumed at update 14\n" in resumed["printed"][0]
    assert resumed["outputs"] == stopped.alone


@pytest.mark.parametrize("short", [7], indirect=True)
@pytest.mark.parametrize(
    ("file", "old", "new", "line"),
    [
        ("params.yaml", "eta: 0.1", "eta: 0.2", "eta was 0.1, is 0.2"),
        ("params.yaml", "updates: 40", "updates: 41", "train.updates was 40, is 41"),
        ("src/charloom/scoring.py", "CHUNK = 100 ", "CHUNK = 200 ", "changed since: src/charloom/scoring.py"),
        ("data/fox.txt", "brown", "green", "changed since: data/prepared/text.npz"),
    ],
)
def test_under_anything_else_it_starts_afresh_and_says_what_differs(stopped, file, old, new, line):
    stopped.edit(file, old, new)
    stopped.run("python", "src/prepare.py")
    printed = stopped.run("python", "src/train.py")
    assert f"not resumed from {states(stopped)[-1].resolve()}: {line}\n" in printed
    assert "resumed at" not in printed.replace("not resumed", "")
    assert len(states(stopped)) == 2


@pytest.mark.parametrize("short", [7], indirect=True)
def test_killed_while_it_forgets_the_way_it_trains_again(short):
    """Where a checkpoint goes before its states, they would be damaged ones."""
    script = f"""
import contextlib, os, signal, sys
sys.path.insert(0, {str(KILLER.parent)!r})
import forked
last = int(sys.argv[1])
def die():
    unlink, done = os.unlink, []
    def dying(*arguments, **options):
        if "/train/" in str(arguments[0]) or options.get("dir_fd"):
            done.append(1)
            if len(done) == last:
                os.kill(os.getpid(), signal.SIGKILL)
        return unlink(*arguments, **options)
    os.unlink = dying
    scandir = os.scandir
    @contextlib.contextmanager
    def checkpoints_first(path):  # a folder's order is the file system's
        with scandir(path) as entries:
            yield iter(sorted(entries, key=lambda entry: entry.name.endswith(".state")))
    os.scandir = checkpoints_first
print(*forked.run("train", die))
"""
    (alone,) = killed(short, "0")
    for call in (1, 5, 6, 7):  # the first four are older generations
        assert short.run("python", "-c", script, str(call)).endswith("-9\n"), call
        (after,) = killed(short, "0")
        assert after["printed"][0].endswith("exit 0"), call
        assert after["outputs"] == alone["outputs"]


@pytest.mark.parametrize("short", [7], indirect=True)
@pytest.mark.parametrize("nobody", ["2>&1 | true", "2>&-", "2> /dev/full"])
def test_a_warning_that_nobody_hears_changes_nothing(stopped, nobody):
    newest = states(stopped)[-1]
    newest.write_bytes(newest.read_bytes()[:-1])
    stopped.run("bash", "-c", f"set -o pipefail; python src/train.py {nobody}")
    assert {name: sha256(stopped.folder / name) for name in stopped.alone} == stopped.alone
    stopped.edit("params.yaml", "eta: 0.1", "eta: -1")
    stopped.run("bash", "-c", f"set -o pipefail; python src/train.py {nobody}", expect=2)


@pytest.mark.parametrize("short", [7], indirect=True)
def test_a_forced_run_really_trains(short):
    for _ in range(2):
        assert "resumed" not in killed(short, "0")[0]["printed"][0]
    assert states(short) == []
