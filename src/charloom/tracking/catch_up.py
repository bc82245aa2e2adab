"""`charloom track`: deliver this folder's run and all queued entries to MLflow."""

import subprocess
import sys
from functools import partial

from charloom.base.errors import CheckFailed, Unavailable
from charloom.results.git import ensure_repository
from charloom.results.spool import append, identity
from charloom.settings.dvc_lock import ensure_recorded
from charloom.settings.pipeline import OWN, root
from charloom.settings.rwlock import ensure_whole
from charloom.tracking.collect import put, this_run
from charloom.tracking.delivery import deliver, request_delivery
from charloom.tracking.entries import entries
from charloom.tracking.reasons import first_line

SENDING_TIMEOUT = 300  # seconds without progress; long, because the user requested the delivery
STAGES = ("prepare", "gradcheck", "train", "sample", "plot")  # the stages before `track`


def catch_up(_: object = None) -> None:
    """Deliver this folder's run, and the spool's studies and trainings with results, to the current store.

    Print a line for each run and study that was delivered. The folder's run is skipped, with a line that says why, if
    its results are not up to date. A training without results that has ended is given to the current sender, which
    sends its points; this function does not wait for that.

    Raises Unavailable if something was not delivered, WrongInput if this folder is in no Git repository, and Damaged if
    a file of DVC or of the run is invalid.
    """
    ensure_repository()
    ensure_whole()
    since = request_delivery()
    status = [sys.executable, "-P", "-m", "dvc", "status", "--quiet", *STAGES]
    process = subprocess.run(status, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    try:
        if process.returncode == 1:
            raise CheckFailed("its results do not match its settings and sources; `dvc repro` updates them")
        if process.returncode:
            raise CheckFailed(f"`dvc status`: {first_line(process.stderr)}")
        run = this_run()
        put(run, partial(ensure_recorded, run.params))
    except CheckFailed as error:
        print(f"this folder's run was not sent: {error}", flush=True)
    for name in ("outbox", "trainings"):
        if any((root() / OWN / name).glob("[!.]*/*")):
            print(f"{OWN / name}: an older charloom wrote this folder: `git checkout 2437399` and `make track` send it")
    own_identity, pending = identity(), []
    for entry in entries():
        if entry.can_complete or (entry.has_ended and entry.sender != own_identity):
            append(entry.path, [{"sender": own_identity}])
        if entry.can_complete:
            pending.append(entry.folder)
    try:
        deliver(pending, SENDING_TIMEOUT, since)
    except Unavailable as error:
        raise Unavailable(f"not everything was sent to MLflow ({error}); `make track` retries") from None


def anything_waits() -> bool:
    """Return whether the spool contains a study, or a training with results or files."""
    return any(entry.can_complete for entry in entries())
