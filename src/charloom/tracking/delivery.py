"""Have the sender (sender.py) deliver entries of the spool, wait, and print the outcomes: also for `charloom track`."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from charloom.core.base.errors import CheckFailed, Unavailable, WrongInput
from charloom.core.base.storage import append
from charloom.core.config.pipeline import HERE, ensure_repository
from charloom.core.runtime.provenance import sender_identity
from charloom.core.training.record import sender_lock, start_sender
from charloom.tracking.address import database, relocate_store
from charloom.tracking.collect import put, this_run
from charloom.tracking.entries import entries
from charloom.tracking.lock_check import ensure_recorded
from charloom.tracking.reasons import first_line
from charloom.tracking.spool import Outcome

SENDER = "charloom.tracking.sender"
POLL_INTERVAL, RESTART_INTERVAL = 0.02, 3.0  # seconds
SERVER_WAIT = 10.0  # seconds from the last local step of `dvc repro` or `charloom study`
LOCAL_WAIT, LONG_WAIT = 450.0, 3000.0  # seconds for a local store; for `charloom track`, which may send many entries
QUIET_LIMIT = 45  # seconds without progress: an attempt of the sender fails earlier


def deliver(add: Callable[[], Iterable[Path]], longest: float = 0.0) -> None:
    """Add entries to the spool, wait until the sender has processed them, and print the result of each sent entry.

    The sender is started first, because its imports take seconds. Warnings in its log are printed to standard error. A
    sender that has ended is started again.

    add      adds the entries, each with a request for its delivery, and returns their folders
    longest  longest wait in seconds; 0: LOCAL_WAIT, or SERVER_WAIT if the store is a server (no SQLite file) and the
             variable CI is not `true`. After SERVER_WAIT, a line says that the sender continues in the background

    Raises Unavailable, with the reasons, if an entry was not sent, if the sender does not start, if the sender's log
    did not change for QUIET_LIMIT seconds, if LOCAL_WAIT or `longest` is over, or if the log or this folder's MLflow
    database cannot be used.
    """
    try:
        relocate_store()  # in this process, because the sender's output goes to its log
    except Unavailable:
        add()  # the entries wait for a store that can be used
        raise
    lock, reasons = sender_lock(sender_identity()), dict[str, None]()
    impatient = not (longest or database() or os.environ.get("CI") == "true")
    try:
        start_sender(SENDER, lock.stem)
        with lock.with_suffix(".log").open("rb") as log:
            log.seek(0, os.SEEK_END)
            pending = {folder.name for folder in add()}
            requested = os.fstat(log.fileno()).st_size  # an earlier failure is that of an attempt before the request
            progress, changed = time.monotonic(), 0
            last = progress + (SERVER_WAIT if impatient else longest or LOCAL_WAIT)
            next_start = progress + RESTART_INTERVAL
            while pending and time.monotonic() < min(last, progress + QUIET_LIMIT):
                if time.monotonic() > next_start and start_sender(SENDER, lock.stem):
                    next_start = time.monotonic() + RESTART_INTERVAL
                if changed != (changed := os.fstat(log.fileno()).st_mtime_ns):
                    progress = time.monotonic()
                for outcome in _outcomes(log):
                    if outcome.entry in pending and (log.tell() > requested or not outcome.failure):
                        pending.remove(outcome.entry)
                        if outcome.delivered:
                            print(outcome.delivered, flush=True)
                        elif outcome.failure:
                            reasons[outcome.failure] = None
                time.sleep(POLL_INTERVAL)
    except OSError as error:
        raise Unavailable(f"{error.filename or 'the sender does not start'}: {error.strerror or error}") from None
    if pending and impatient and time.monotonic() >= last:
        print("still sending to MLflow; `make track` waits for it", flush=True)
    elif pending:
        reasons[f"sending to MLflow made no progress for {QUIET_LIMIT} s, or took too long; see {log.name}"] = None
    if reasons:
        raise Unavailable("; ".join(reasons))


def _outcomes(log: BinaryIO) -> Iterator[Outcome]:
    """Yield the outcomes in the rest of the sender's log; print the log's warnings to standard error."""
    for row in log:
        if row.startswith(b"warning: "):
            sys.stderr.write(row.decode(errors="replace"))
        with suppress(ValidationError):
            yield Outcome.model_validate_json(row)


def catch_up(arguments: object = None) -> None:
    """Deliver this folder's run, and the spool's studies and runs, to the current store.

    Print a line for each run and study that was delivered. The folder's run is skipped, with a line that says why, if
    its results are not up to date. A training that has ended without result files is given to the current sender, which
    sends its points; this function does not wait for that.

    Raises Unavailable if a run or study was not delivered, WrongInput if this folder is in no Git repository, and
    Damaged if a file of the run is invalid.
    """
    ensure_repository()
    try:
        deliver(_requested, LONG_WAIT)
    except Unavailable as error:
        raise Unavailable(f"not everything was sent to MLflow ({error}); `make track` retries") from None


def _requested() -> list[Path]:
    """Add this folder's run to the spool, and request the delivery of all entries; return the folders to wait for."""
    own: Path | None = None  # this folder's entry
    try:
        stages = takewhile(lambda name: name != "track", HERE.stages())
        status = [sys.executable, "-P", "-m", "dvc", "status", "--quiet", *stages]
        process = subprocess.run(status, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
        if process.returncode:
            other = "its results do not match its settings and sources; `dvc repro` updates them"
            raise CheckFailed(other if process.returncode == 1 else f"`dvc status`: {first_line(process.stderr)}")
        run = this_run()
        own = put(run, partial(ensure_recorded, run.params))  # requests the delivery
    except (CheckFailed, WrongInput) as error:
        print(f"this folder's run was not sent: {error}", flush=True)
    own_identity, waiting = sender_identity(), list(entries())
    for entry in waiting:  # a second request would send the run of this folder twice
        if entry.folder != own and (entry.can_complete or entry.has_ended):
            with suppress(FileNotFoundError):  # a sender has delivered the entry
                append(entry.path, [{"sender": own_identity}])
    return [entry.folder for entry in waiting if entry.can_complete and entry.path.exists()]
