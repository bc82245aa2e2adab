"""Real processes of `train`, stopped or orphaned. Kills at each block: tests/training; at each call: test_faults.py."""

import signal
import time

from projects import started, until


def test_a_signal_saves_and_ends_within_two_seconds_and_a_second_one_at_once(long):
    stage = started(long, "python", "src/train.py")
    until(long.states)
    sent = time.monotonic()
    stage.send_signal(signal.SIGTERM)
    assert stage.wait(timeout=10) == 143
    assert time.monotonic() - sent < 2
    printed = (long.folder / "printed.txt").read_text()
    assert "stopped by SIGTERM" in printed
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


def test_an_orphan_of_a_killed_dvc_finishes_and_is_not_disturbed(project):
    project.edit("params.yaml", "updates: 400", "updates: 600000")
    project.edit("params.yaml", "save_every: 100", "save_every: 10000")
    project.edit("params.yaml", "checkpoint_every: 200", "checkpoint_every: 200000")
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
