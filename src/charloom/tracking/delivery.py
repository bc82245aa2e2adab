"""Have the sender deliver entries of the spool, wait for the delivery, and print the outcome: also `charloom track`."""

import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from charloom.base.errors import CheckFailed, Unavailable
from charloom.base.lock import is_held
from charloom.results.git import ensure_repository
from charloom.results.spool import STARTING_MAY_TAKE, append, identity, sender_lock, start_sender
from charloom.settings.dvc_lock import ensure_recorded
from charloom.settings.pipeline import OWN, root
from charloom.tracking.address import relocate_store
from charloom.tracking.collect import put, this_run
from charloom.tracking.entries import entries
from charloom.tracking.limits import TOTAL_FACTOR
from charloom.tracking.reasons import first_line

SENDER = "charloom.tracking.sender"
POLL_INTERVAL = 0.05  # seconds
SENDING_TIMEOUT = 300  # seconds without progress for `charloom track`; long, because the user requested the delivery
STAGES = ("prepare", "gradcheck", "train", "sample", "plot")  # the stages before `track`


def request_delivery() -> int:
    """Start the sender already now, because its imports take seconds.

    Return the size of the sender's log in bytes, after which the lines about a later request follow. Return 0 if the
    sender cannot be started.
    """
    lock = sender_lock(identity())
    with suppress(OSError):  # `deliver` tries again, and says why it fails
        start_sender(SENDER, lock.stem)
        return lock.with_suffix(".log").stat().st_size
    return 0


def deliver(folders: Iterable[Path], seconds: float, since: int) -> None:
    """Wait until the sender has processed these entries, and print the result of each entry that was sent.

    Warnings in the sender's log are printed to standard error. A sender that has ended is started again.

    folders  folders of entries, whose records end with a request
    seconds  longest time without a line in the log; the whole wait takes at most TOTAL_FACTOR times as long
    since    offset in bytes from which the log is read, as `request_delivery` returns it

    Raises Unavailable, with the reasons, if an entry was not sent, if the sender does not start, if the time is over,
    or if the sender's log or our own database cannot be used.
    """
    relocate_store()  # in this process, because the sender's output goes to its log
    lock, pending, reasons = sender_lock(identity()), {folder.name for folder in folders}, dict[str, None]()
    progress = time.monotonic()
    end, next_start = progress + TOTAL_FACTOR * seconds, progress + STARTING_MAY_TAKE
    try:
        start_sender(SENDER, lock.stem)
        with lock.with_suffix(".log").open("rb") as log:
            log.seek(since)
            while pending and time.monotonic() < min(end, progress + seconds):
                alive = is_held(lock)  # checked before the log is read, so that no line of a dead sender is missed
                for row in log:
                    progress = time.monotonic()
                    name, line, reason = [*row.decode(errors="replace").rstrip("\n").split("\t"), "", ""][:3]
                    if name.startswith("warning: "):
                        sys.stderr.write(f"{name}\n")
                    elif name in pending:
                        pending.remove(name)
                        if line:
                            print(line, flush=True)
                        elif reason:
                            reasons[reason] = None
                if pending and not alive and time.monotonic() > next_start:
                    start_sender(SENDER, lock.stem)
                    next_start = time.monotonic() + STARTING_MAY_TAKE
                time.sleep(POLL_INTERVAL)
    except OSError as error:
        raise Unavailable(f"{error.filename or 'the sender does not start'}: {error.strerror}") from None
    if pending:
        reasons[f"sending to MLflow made no progress for {seconds:g} s, or took too long; see {log.name}"] = None
    if reasons:
        raise Unavailable("; ".join(reasons))


def catch_up(_: object = None) -> None:
    """Deliver this folder's run, and the spool's studies and trainings with results, to the current store.

    Print a line for each run and study that was delivered. The folder's run is skipped, with a line that says why, if
    its results are not up to date. A training without results that has ended is given to the current sender, which
    sends its points; this function does not wait for that.

    Raises Unavailable if something was not delivered, WrongInput if this folder is in no Git repository, and Damaged if
    a file of the run is invalid.
    """
    ensure_repository()
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
