"""The real experiment, killed at four random moments of the week."""

import contextlib
import shutil
import subprocess
import time

import numpy as np
import psutil
from projects import ROOT, make, seed_of_the_week
from recorded import history, smooth_losses

KILLS = 4
LONGEST = 25.0  # seconds, about what a forced `dvc repro` takes


def killed(dvc: psutil.Popen, victim: str) -> None:
    """SIGKILL the stage, `dvc repro` or both; wait until they have ended, and until an orphan has."""
    children = dvc.children(recursive=True)
    for process in [*(children if victim != "dvc" else []), *([dvc] if victim != "stage" else [])]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    dvc.wait()
    psutil.wait_procs(children)


def test_the_real_experiment_killed_at_random_moments_ends_with_the_committed_bytes(tmp_path):
    project = make(tmp_path, {})
    shutil.copy(ROOT / "data/moby_dick.txt", tmp_path / "data")
    project.run("dvc", "repro")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "-m", "undisturbed")
    undisturbed = project.contents()
    for name, content in undisturbed.items():
        if name.startswith(("metrics", "plots")):
            assert content == (ROOT / name).read_bytes()
    rng, kills, finished, resumed = np.random.default_rng(seed_of_the_week()), 0, 0, 0
    force = ["--force"]
    while kills < KILLS or not resumed or force == []:
        with (tmp_path / "printed.txt").open("w") as printed:
            dvc = psutil.Popen(
                ["dvc", "repro", *force], cwd=tmp_path, env=project.environment(),
                stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT,
            )  # fmt: skip
            if kills < KILLS or not resumed:
                try:
                    dvc.wait(timeout=rng.uniform(1, LONGEST))
                except psutil.TimeoutExpired:
                    killed(dvc, rng.choice(["stage", "dvc", "both"]))
                    kills += 1
            code = dvc.wait()
        said = (tmp_path / "printed.txt").read_text()
        resumed += "resumed at update" in said
        assert "Traceback" not in said
        if "RWLock-file" in said and "is corrupted" in said:  # DVC does not write it whole or not at all
            (tmp_path / ".dvc/tmp/rwlock").unlink()
        if "dvc.lock' validation failed" in said or "dvc.lock' is invalid" in said:  # likewise
            project.run("git", "checkout", "-q", "dvc.lock")
        force = []
        if code == 0:
            assert project.contents() == undisturbed
            finished += 1
            force = ["--force"]
        print(f"{time.strftime('%H:%M:%S')}  {kills} kills, {finished} finished, {resumed} resumed", flush=True)
    project.run("dvc", "repro", "--force")
    assert project.contents() == undisturbed
    (run,) = project.runs()
    assert run.info.status == "FINISHED"
    assert history(project.client(), run, "smooth_loss") == smooth_losses(project)
