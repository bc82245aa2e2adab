"""One round of the sender: deliver what can be delivered now from the spool."""

import random
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities import Run

from charloom.base.errors import Damaged, Unavailable
from charloom.base.terminal import in_line, warn_once
from charloom.results.spool import append
from charloom.tracking.completion import complete, live_run, points
from charloom.tracking.entries import Entry, folders, read_entry, remove
from charloom.tracking.experiment_lock import Busy
from charloom.tracking.limits import time_limit
from charloom.tracking.reasons import first_line
from charloom.tracking.store import Store, connected
from charloom.tracking.studies import complete_study

SILENCE_LIMIT = 30  # seconds without progress while an entry is sent
RETRY_PERIOD, RETRY_PAUSE = 120, 5  # seconds in which a failing entry is retried; between two attempts
TRACK_TIMEOUT = 60  # seconds after the end of a training in which its `track` is expected
IDLE_LIMIT = 600  # seconds without a new point after which the sender stops waiting for a training
LIVE_PERIOD = 2.0  # seconds between two attempts at an entry, if its training goes on or another sender is busy


@dataclass
class Work:
    """An entry of the spool and the state of its delivery. Times are those of time.monotonic(), in seconds.

    entry     the entry
    sent      the number of points that the live run has
    store     the connected store while the live run is open, otherwise None
    run       the live run, or None
    left      whether work may remain
    reason    why the last attempt failed, or an empty text
    failing_since  the time of the first failure since the last success; 0 if there was none
    next_time      the earliest time of the next attempt
    """

    entry: Entry
    sent: int = 0
    store: Store | None = None
    run: Run | None = None
    left: bool = True
    reason: str = ""
    failing_since: float = 0.0
    next_time: float = 0.0


def run_round(identity: str, earlier: dict[Path, Work]) -> dict[Path, Work]:
    """Deliver what can be delivered now of the entries that this sender has to deliver.

    Print a line for each outcome, and return the new state by folder, without entries that were delivered completely.
    A request is answered at once.

    identity  the sender's identity
    earlier   the state that the last round returned
    """
    works = dict[Path, Work]()
    for folder in folders():
        if folder in earlier:
            work = earlier[folder]
        elif entry := read_entry(folder):
            work = Work(entry)
        else:
            continue
        size = work.entry.size
        with suppress(OSError):
            work.entry.read()
        if work.entry.size > size:
            work.left = True
            if work.entry.requested:
                work.next_time = work.failing_since = 0.0
        if work.entry.sender == identity:
            if work.left and time.monotonic() >= work.next_time:
                _try(work)
            if folder.exists():  # a delivered entry is removed
                works[folder] = work
    return works


def _try(work: Work) -> None:
    """Try to deliver the entry now; print a line with the entry's name, the completed run or study, and the failure.

    The three parts are separated by tabs; the second, the third or both are empty. If both are empty, the line is
    printed only for an entry whose delivery was requested. If another sender is busy with the same experiment, no line
    is printed, only a warning. A damaged entry, and one that has failed for RETRY_PERIOD seconds, is tried again only
    if its record grows.
    """
    entry, now, line, work.reason = work.entry, time.monotonic(), "", ""
    work.next_time = now + LIVE_PERIOD
    try:
        with time_limit(SILENCE_LIMIT):
            line, work.left = _send(work, entry)
        work.failing_since = 0.0
    except FileNotFoundError:  # another sender has delivered the entry
        work.left = False
    except Damaged as error:
        work.reason, work.left = str(error), False
    except Busy as error:
        warn_once(entry.folder.name, f"{error}; this one waits for that")
        work.next_time = now + random.uniform(0.5, 1.5) * LIVE_PERIOD  # noqa: S311  two senders must not always meet
        return
    except Exception as error:  # noqa: BLE001  database drivers raise exceptions of their own
        work.reason = str(error) if isinstance(error, Unavailable) else first_line(error)
        work.failing_since, work.store = work.failing_since or now, None
        work.left, work.next_time = now - work.failing_since < RETRY_PERIOD, now + RETRY_PAUSE
    if line or work.reason or entry.requested:
        print(f"{entry.folder.name}\t{in_line(line)}\t{in_line(work.reason)}", flush=True)
    entry.requested = False


def _send(work: Work, entry: Entry) -> tuple[str, bool]:
    """Send what can be sent now; return the line about a completed run or study, or "", and whether work may remain.

    A study, or a run with files from `track`, is completed. Otherwise new points go to the live run. A training that
    ended TRACK_TIMEOUT seconds ago without `track`, or whose delivery was requested, is counted if its experiment key
    has a complete run: see `complete`. Raises Damaged if the files or the record of `track` were changed.
    """
    ended = entry.has_ended  # checked before the record is read, so that no late line is missed
    entry.read()
    if entry.study or entry.tracked:
        if not entry.is_intact:
            hint = "remove this entry; `make track` in the folder with its results adds it again"
            raise Damaged(f"{entry.folder}: not sent, because it was damaged or changed; {hint}")
        return _complete(work, entry)
    if not entry.is_closed:
        _show(work, entry, ended)
    if entry.trainings and entry.end:
        if not entry.requested and time.time() - entry.end.ended < TRACK_TIMEOUT:
            return "", True
        line, left = _complete(work, entry)
        return line and f"{line}; sent without files, because `track` did not run", left
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
            if entry.path.exists():
                append(entry.path, ["closed"])
                entry.read()


def _complete(work: Work, entry: Entry) -> tuple[str, bool]:
    """Complete the entry's run or study, and remove the entry, unless its record has grown meanwhile.

    A training that still writes to the record begins it again. Return a line with the name and the address, and whether
    the record has grown. If `complete` returns no run, the line is "", and the entry stays.
    """
    with connected() as store:
        size = entry.size
        run = complete_study(store, entry, entry.study) if entry.study else complete(store, entry, work.sent)
    entry.read()
    grown = entry.size > size
    if not run:
        return "", grown
    if not grown:
        remove(entry.folder)
    name = f"study {in_line(entry.study.name)}" if entry.study else f"run {in_line(str(run.info.run_name))}"
    return f"MLflow {name}: {store.where_shown(run)}", grown
