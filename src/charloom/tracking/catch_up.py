"""`charloom track`: MLflow gets what it has missed."""

import subprocess
import sys
from functools import partial

from charloom.base.errors import CheckFailed, Unavailable
from charloom.results.git import ensure_repository
from charloom.results.spool import RECORD, append, identity
from charloom.settings.dvc_lock import ensure_recorded
from charloom.settings.pipeline import OWN, root
from charloom.settings.rwlock import ensure_whole
from charloom.tracking.collect import put, this_run
from charloom.tracking.delivery import begin, deliver
from charloom.tracking.entries import entries, folders, is_study
from charloom.tracking.reasons import first_line

CATCHING_UP_MAY_TAKE = 300  # seconds: somebody waits who asked for it
BEFORE = ("prepare", "gradcheck", "train", "sample", "plot")  # the stages that `track` tells of


def catch_up(_: object = None) -> None:
    """Send this folder's run and all that waits, to the store of now.

    Raises Unavailable if MLflow has not got all of it then, WrongInput if this folder is in no Git repository.
    """
    ensure_repository()
    ensure_whole()
    since = begin()
    status = [sys.executable, "-P", "-m", "dvc", "status", "--quiet", *BEFORE]
    done = subprocess.run(status, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    if done.returncode:
        # 1 is DVC's own answer; anything else means that it has none.
        unlike = "its results are not those of its settings and sources; `dvc repro` makes them"
        why = unlike if done.returncode == 1 else f"`dvc status`: {first_line(done.stderr)}"
        print(f"this folder: nothing sent: {why}", flush=True)
    else:
        run = this_run()
        try:
            put(run, partial(ensure_recorded, run.params))
        except CheckFailed as error:
            print(f"this folder: nothing sent: {error}", flush=True)
    for name in ("outbox", "trainings"):
        if any((root() / OWN / name).glob("[!.]*/*")):
            print(f"{OWN / name}: of charloom 0.2 before the spool: `git checkout 2437399` and `make track` send it")
    mine = identity()
    for folder in folders():
        if is_study(folder):
            folder.rename(folder.with_name(f"{folder.name.rpartition('-')[0]}-{mine}"))
    waiting = []
    for entry in entries():
        if entry.tracked or entry.trainings or (entry.over and entry.sender != mine):
            append(entry.folder / RECORD, [{"sender": mine}])
        if entry.tracked or entry.trainings:
            waiting.append(entry.folder)
    try:
        deliver([*waiting, *filter(is_study, folders())], CATCHING_UP_MAY_TAKE, since)
    except Unavailable as error:
        raise Unavailable(f"MLflow has not got all of it ({error}); `make track` tries again") from None


def anything_waits() -> bool:
    """Return whether there is a run, a study, or a training that has ended, that MLflow has not got."""
    return any(map(is_study, folders())) or any(entry.tracked or entry.trainings for entry in entries())
