"""`charloom track`: MLflow gets what it has missed."""

import subprocess
import sys
from functools import partial

from charloom.base.errors import CheckFailed, Unavailable
from charloom.results.git import ensure_repository
from charloom.results.training_log import all_logs
from charloom.settings.dvc_lock import ensure_recorded
from charloom.settings.rwlock import ensure_whole
from charloom.tracking.apart import begun, first_line
from charloom.tracking.collect import put, this_run
from charloom.tracking.outbox import folder_of, waiting

CATCHING_UP_MAY_TAKE = 300  # seconds: somebody waits who asked for it
BEFORE = ("prepare", "gradcheck", "train", "sample", "plot")  # the stages that `track` tells of


def catch_up(_: object = None) -> None:
    """Send this folder's run and all that waits.

    Raises Unavailable where MLflow has not got all of it then, WrongInput where this folder is in no Git repository.
    """
    ensure_repository()
    ensure_whole()
    with begun("completion.send", CATCHING_UP_MAY_TAKE) as send:
        status = [sys.executable, "-P", "-m", "dvc", "status", "--quiet", *BEFORE]
        done = subprocess.run(status, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
        if done.returncode:
            # 1 is DVC's own answer; anything else means that it has none.
            unlike = "its results are not those of its settings and sources; `dvc repro` makes them"
            why = unlike if done.returncode == 1 else f"`dvc status`: {first_line(done.stderr)}"
            print(f"this folder: nothing sent: {why}", flush=True)
        elif not folder_of(run := this_run()).exists():  # else it waits as it was when it was made
            try:
                put(run, partial(ensure_recorded, run.params))
            except CheckFailed as error:
                print(f"this folder: nothing sent: {error}", flush=True)
        try:
            send(*map(str, waiting()))
        except Unavailable as error:
            raise Unavailable(f"MLflow has not got all of it ({error}); `make track` tries again") from None


def anything_waits() -> bool:
    """Return whether there is a run, or a training that has ended, that MLflow has not got."""
    return bool(waiting()) or any(log.end and log.end.results for log in all_logs())
