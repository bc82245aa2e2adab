"""Real stages that are stopped or orphaned. Kills at each block: tests/training."""

import os
import re
import signal
import time
from contextlib import suppress

import numpy as np
import psutil
import pytest
from mlflow_project import history, smooth_losses
from projects import ROOT, Project, copied, seed_of_the_week, started, until

KILLS, LONGEST = 3, 12.0  # seconds, about what a forced `dvc repro` of `longer` takes
README = ROOT / "README.md"
RESULTS = ("models/last.npz", "models/best.npz", "metrics/results.json")


@pytest.fixture(scope="module")
def large(finished, tmp_path_factory) -> tuple[Project, dict[str, bytes]]:
    """A project that is large enough for two threads, and what one thread makes of it."""
    project = copied(finished, tmp_path_factory.mktemp("threads") / "project")
    project.set(m=96, batch=8, updates=1000, save_every=20)  # 73,728 products a character
    project.run("python", "src/prepare.py")
    project.clear()
    project.run("python", "src/train.py", CHARLOOM_THREADS="1")
    results = made(project)
    project.clear()
    return project, results


def made(project: Project) -> dict[str, bytes]:
    return {name: (project.folder / name).read_bytes() for name in RESULTS}


@pytest.mark.parametrize(("number", "code", "then"), [
    (signal.SIGTERM, 143, "1"), (signal.SIGINT, 130, "3"), (signal.SIGKILL, -signal.SIGKILL, "2"),
])  # fmt: skip
def test_stopped_on_two_threads_it_goes_on_with_any_number_to_the_same_bytes(large, tmp_path, number, code, then):
    project = copied(large[0], tmp_path / "project")
    stage = started(project, "python", "src/train.py", CHARLOOM_THREADS="2")
    until(project.states)
    until(lambda: psutil.Process(stage.pid).num_threads() > 1, every=0.001)  # in a block of updates
    sent = time.monotonic()
    stage.send_signal(number)
    assert stage.wait(timeout=10) == code
    assert time.monotonic() - sent < 2
    printed = project.log()
    assert (f"stopped by {number.name}" in printed, "Traceback" in printed) == (code > 0, False)
    update = int(project.states()[-1].stem)
    assert f"resumed at update {update}\n" in project.run("python", "src/train.py", CHARLOOM_THREADS=then)
    assert made(project) == large[1]


def test_a_signal_while_the_kernel_compiles_ends_the_stage_at_once(project, tmp_path):
    stage = started(project, "python", "src/train.py", NUMBA_CACHE_DIR=str(tmp_path / "empty"))
    until(lambda: (project.folder / ".charloom/stage.lock").exists())
    time.sleep(3)
    sent = time.monotonic()
    stage.terminate()
    assert stage.wait(timeout=20) == -signal.SIGTERM
    assert time.monotonic() - sent < 2
    assert "Traceback" not in project.log()


def test_an_orphan_of_a_killed_dvc_finishes_and_is_not_disturbed(project):
    project.set(updates=600000, save_every=10000, checkpoint_every=200000)
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


def test_readmes_way_back_restores_the_models_after_a_killed_experiment(longer, tmp_path):
    project = copied(longer, tmp_path / "project")
    project.commit()
    before, branch = project.contents(), project.run("git", "branch", "--show-current").strip()
    dvc = started(project, "dvc", "exp", "run", "-S", "eta=0.05")
    best, checkpoints = project.folder / "models/best.npz", project.folder / "models/checkpoints"
    until(lambda: len([*checkpoints.glob("*.npz")]) > 1 and not best.exists())  # one after the initial weights
    os.killpg(dvc.pid, signal.SIGKILL)
    dvc.wait()
    (line,) = re.findall(r"^(git read-tree .*?)  +#", README.read_text("utf-8"), re.MULTILINE)
    project.run("bash", "-e", "-c", line)
    project.run("git", "switch", "-q", branch)
    assert project.run("git", "status", "--porcelain", "--untracked-files=no") == ""
    assert project.contents() == before


def test_a_pipeline_killed_at_random_ends_with_the_same_bytes_and_one_run(longer, tmp_path):
    project, rng = copied(longer, tmp_path / "project"), np.random.default_rng(seed_of_the_week())
    project.run("git", "commit", "-q", "-a", "-m", "undisturbed")
    undisturbed, kills, resumed, code = project.contents(), 0, False, 0
    while kills < KILLS or not resumed or code:
        dvc = started(project, "dvc", "repro", *(["--force"] if code == 0 else []))
        if kills < KILLS or not resumed:
            with suppress(psutil.NoSuchProcess):
                time.sleep(rng.uniform(1, LONGEST))
                children = psutil.Process(dvc.pid).children(recursive=True)
                victims = {"stage": children, "dvc": [dvc], "both": [dvc, *children]}
                for victim in victims[rng.choice(list(victims))]:
                    with suppress(psutil.NoSuchProcess):
                        victim.kill()
                dvc.wait()
                psutil.wait_procs(children)  # an orphan ends by itself
                kills += 1
        code, printed = dvc.wait(), project.log()
        resumed = resumed or "resumed at update" in printed
        assert "Traceback" not in printed
        if "RWLock-file" in printed and "is corrupted" in printed:  # DVC does not write it whole or not at all
            (project.folder / ".dvc/tmp/rwlock").unlink()
        if "dvc.lock' validation failed" in printed or "dvc.lock' is invalid" in printed:  # likewise
            project.run("git", "checkout", "-q", "dvc.lock")
        assert code or project.contents() == undisturbed
    (run,) = project.runs()
    assert run.info.status == "FINISHED"
    assert history(project.client(), run, "smooth_loss") == smooth_losses(project)


def test_a_text_without_end_is_refused_while_there_is_memory(finished):
    assert "/dev/zero: not enough memory for more than" in finished.run("charloom", "score", "/dev/zero", expect=5)
