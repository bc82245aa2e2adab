"""One round of the sender: deliver what can be delivered now from the spool."""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities import Run

from charloom.base.errors import Damaged, Unavailable
from charloom.base.terminal import in_line
from charloom.results.spool import FILES
from charloom.tracking import studies
from charloom.tracking.completion import complete, live_run, points
from charloom.tracking.entries import Entry, folders, is_study, read_entry
from charloom.tracking.entry_files import ensure_intact, remove
from charloom.tracking.limits import time_limit
from charloom.tracking.reasons import first_line
from charloom.tracking.store import Store, connected

SILENCE_LIMIT = 30  # seconds without progress while an entry is sent
FILLING_TIMEOUT = 10  # seconds until a study's files must be in the spool
RETRY_PERIOD = 120  # seconds in which a failing entry is retried
TRACK_TIMEOUT = 60  # seconds after the end of a training in which its `track` is expected
IDLE_LIMIT = 600  # seconds without a new point after which the sender stops waiting for a training
ROUND_SECONDS = 2.0  # between two rounds
MAX_PAUSE = 30.0  # seconds between two retries
CLOSED_SIZE = "told"  # file of an entry: the size of its record in bytes when its live run was closed


@dataclass
class Work:
    """An entry of the spool and the state of its delivery. Times are those of time.monotonic(), in seconds.

    folder    the entry's folder
    entry     the training's entry; None for a study, and for an unreadable record
    sent      the number of points that the live run has
    store     the connected store while the live run is open, otherwise None
    run       the live run, or None
    left      whether work may remain
    reason    why the last attempt failed, or an empty text
    failing_since     the time of the first failure since the last success; 0 if there was none
    next_time, pause  the earliest time of the next attempt, and the seconds between two attempts
    """

    folder: Path
    entry: Entry | None
    sent: int = 0
    store: Store | None = None
    run: Run | None = None
    left: bool = True
    reason: str = ""
    failing_since: float = 0.0
    next_time: float = 0.0
    pause: float = ROUND_SECONDS


def run_round(identity: str, earlier: dict[Path, Work]) -> dict[Path, Work]:
    """Deliver what can be delivered now of the entries that this sender has to deliver.

    Print a line for each outcome, and return the new state by folder, without entries that were delivered completely.

    identity  the sender's identity; if it is empty, the entries of all senders are delivered
    earlier   the state that the last round returned
    """
    works = dict[Path, Work]()
    for folder in folders():
        work = earlier.get(folder) or Work(folder, None if is_study(folder) else read_entry(folder))
        if work.entry:
            size = work.entry.size
            with suppress(OSError):
                work.entry.read()
            work.left |= work.entry.size > size
            sender = work.entry.sender
        elif is_study(folder):
            sender = folder.name.rpartition("-")[2]
        else:
            continue
        if identity in {"", sender}:
            if work.left and time.monotonic() >= work.next_time:
                _try(work)
            if folder.exists():  # a delivered entry is removed
                works[folder] = work
    return works


def _try(work: Work) -> None:
    """Try to deliver the entry now; print a line with the entry's name, the completed run or study, and the failure.

    The three parts are separated by tabs; the second, the third or both are empty. After a failure, the pause before
    the
    next attempt doubles, up to MAX_PAUSE seconds. A damaged entry, and one that has failed for RETRY_PERIOD seconds, is
    not tried again.
    """
    now, line, work.reason = time.monotonic(), "", ""
    try:
        with time_limit(SILENCE_LIMIT):
            line, work.left = _send_training(work, work.entry) if work.entry else _send_study(work.folder)
        work.failing_since, work.pause = 0.0, ROUND_SECONDS
    except FileNotFoundError:  # another sender has delivered the entry
        work.left = False
    except Damaged as error:
        work.reason, work.left = str(error), False
    except Exception as error:  # noqa: BLE001  database drivers raise exceptions of their own
        work.reason = str(error) if isinstance(error, Unavailable) else first_line(error)
        work.failing_since, work.store = work.failing_since or now, None
        work.left, work.pause = now - work.failing_since < RETRY_PERIOD, min(2 * work.pause, MAX_PAUSE)
    work.next_time = now + work.pause
    if line or work.reason or (work.entry and work.entry.requested):
        print(f"{work.folder.name}\t{in_line(line)}\t{in_line(work.reason)}", flush=True)


def _send_study(folder: Path) -> tuple[str, bool]:
    """Send the study and remove its entry; return its line for the user, and whether work may remain.

    Without files, nothing is sent: another process may be writing them, so work may remain for FILLING_TIMEOUT seconds.
    """
    if not (folder / FILES).exists():
        return "", time.time() - folder.stat().st_mtime < FILLING_TIMEOUT
    ensure_intact(folder)
    line = studies.send(folder)
    remove(folder)
    return line, False


def _send_training(work: Work, entry: Entry) -> tuple[str, bool]:
    """Send what can be sent now; return the line about a completed run, or "", and whether work may remain.

    With files from `track`, the run is completed. Otherwise new points go to the live run; a training that ended
    TRACK_TIMEOUT seconds ago without `track` is counted in the experiment's complete run, if there is one.
    """
    ended = entry.has_ended  # checked before the record is read, so that no late line is missed
    entry.read()
    if entry.tracked:
        ensure_intact(entry.folder, entry.has_all_points)
        return _complete(work, entry), not entry.has_ended
    if not (ended and _is_closed(entry)):
        _show(work, entry, ended)
    if entry.trainings and entry.end:
        if not entry.requested and time.time() - entry.end.ended < TRACK_TIMEOUT:
            return "", True
        counted = _complete(work, entry)
        return f"{counted}; its `track` was skipped" if counted else "", False
    return "", not ended and time.time() - entry.path.stat().st_mtime < IDLE_LIMIT


def _show(work: Work, entry: Entry, ended: bool) -> None:
    """Send new points to the live run, and end the run if the training has ended.

    Without a live run (see `live_run`), no points are sent. `ended` says whether the training has ended.
    """
    if not work.store:
        with connected() as work.store:
            work.run, work.sent = live_run(work.store, entry), 0  # a new run has no points
    if work.run and work.sent < len(entry.points):
        count = len(entry.points)
        work.store.send(work.run, points(entry, work.sent), None if work.sent else entry.first.params)
        work.sent = count
    if ended:
        if work.run:
            work.store.end_run(work.run, *(entry.end.status, entry.end.ended) if entry.end else ("KILLED", None))
        work.store = None
        with suppress(OSError):
            (entry.folder / CLOSED_SIZE).write_text(str(entry.size))


def _is_closed(entry: Entry) -> bool:
    with suppress(OSError):
        return (entry.folder / CLOSED_SIZE).read_text() == str(entry.size)
    return False


def _complete(work: Work, entry: Entry) -> str:
    """Complete the entry's run. Then remove the entry, unless a training still writes to it.

    Return a line with the run's name and address. If `complete` returns no run, return "" and keep the entry.
    """
    with connected() as store:
        while True:
            size, run = entry.size, complete(store, entry, work.sent)
            entry.read()
            if not run or entry.size == size:  # otherwise a training has ended here in the meantime
                break
    if not run:
        return ""
    if entry.has_ended:
        remove(entry.folder)
    return f"MLflow run {in_line(str(run.info.run_name))}: {store.where_shown(run)}"
