"""What the sender does with the spool, a round at a time."""

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
from charloom.tracking.limits import limited
from charloom.tracking.reasons import first_line
from charloom.tracking.store import Store, connected
from charloom.tracking.whole import ensure_whole, remove

SILENCE = 30  # seconds, while an entry is sent
PUTTING_MAY_TAKE = 10  # seconds, to put the files of a study into the spool
OUTAGE = 120  # seconds for which an entry that fails is tried again
TRACK_MAY_TAKE = 60  # seconds, to come after a training has ended
QUIET = 600  # seconds without a point, of a training that may be anywhere
ROUND = 2.0  # seconds between rounds
LONGEST_PAUSE = 30.0  # seconds between tries of an entry that fails
TOLD = "told"  # file of an entry: how long its record was when its run was closed


@dataclass
class Work:
    """An entry, and how far it is: of a study there is no record.

    sent   how many points the training's own run has
    store  the store while the training is shown
    run    the training's own run, if it has one
    left   whether something may remain to be done
    reason why the last try has failed
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
    pause: float = ROUND


def one_round(mine: str, before: dict[Path, Work]) -> dict[Path, Work]:
    """Send what can be sent now for the entries of this identity, of all if it is empty; print the outcomes."""
    works = dict[Path, Work]()
    for folder in folders():
        work = before.get(folder) or Work(folder, None if is_study(folder) else read_entry(folder))
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
        if mine in {"", sender}:
            if work.left and time.monotonic() >= work.next_time:
                _try(work)
            if folder.exists():  # else it was delivered
                works[folder] = work
    return works


def _try(work: Work) -> None:
    """Send the entry; print what was completed, or why it was not."""
    now, line, work.reason = time.monotonic(), "", ""
    try:
        with limited(SILENCE):
            line, work.left = _send_training(work, work.entry) if work.entry else _send_study(work.folder)
        work.failing_since, work.pause = 0.0, ROUND
    except FileNotFoundError:  # another sender has delivered it
        work.left = False
    except Damaged as error:
        work.reason, work.left = str(error), False
    except Exception as error:  # noqa: BLE001  a database's driver has exceptions of its own
        work.reason = str(error) if isinstance(error, Unavailable) else first_line(error)
        work.failing_since, work.store = work.failing_since or now, None
        work.left, work.pause = now - work.failing_since < OUTAGE, min(2 * work.pause, LONGEST_PAUSE)
    work.next_time = now + work.pause
    if line or work.reason or (work.entry and work.entry.asked):
        print(f"{work.folder.name}\t{in_line(line)}\t{in_line(work.reason)}", flush=True)


def _send_study(folder: Path) -> tuple[str, bool]:
    """Send the study, and remove the entry. Files that are being put there are waited for."""
    if not (folder / FILES).exists():
        return "", time.time() - folder.stat().st_mtime < PUTTING_MAY_TAKE
    ensure_whole(folder)
    line = studies.send(folder)
    remove(folder)
    return line, False


def _send_training(work: Work, entry: Entry) -> tuple[str, bool]:
    """Send what can be sent now; return what was completed, and whether something may remain to be done."""
    over = entry.over  # asked before the record is read: what is read then is all that will come
    entry.read()
    if entry.tracked:
        ensure_whole(entry.folder, entry.is_whole)
        return _complete(work, entry), not entry.over
    if not (over and _is_told(entry)):
        _show(work, entry, over)
    if entry.trainings and entry.end:
        if not entry.asked and time.time() - entry.end.ended < TRACK_MAY_TAKE:
            return "", True
        counted = _complete(work, entry)
        return f"{counted}; its `track` was skipped" if counted else "", False
    return "", not over and time.time() - entry.path.stat().st_mtime < QUIET


def _show(work: Work, entry: Entry, over: bool) -> None:
    """Send the points that are new to the training's own run, and close it if the training is over."""
    if not work.store:
        with connected() as work.store:
            work.run, work.sent = live_run(work.store, entry), 0  # a run that is made again has no point
    if work.run and work.sent < len(entry.points):
        count = len(entry.points)
        work.store.send(work.run, points(entry, work.sent), None if work.sent else entry.first.params)
        work.sent = count
    if over:
        if work.run:
            work.store.close(work.run, *(entry.end.status, entry.end.ended) if entry.end else ("KILLED", None))
        work.store = None
        with suppress(OSError):
            (entry.folder / TOLD).write_text(str(entry.size))


def _is_told(entry: Entry) -> bool:
    with suppress(OSError):
        return (entry.folder / TOLD).read_text() == str(entry.size)
    return False


def _complete(work: Work, entry: Entry) -> str:
    """Complete the run, and remove the entry unless a training goes on in it. Return "" if there is no run for it."""
    with connected() as store:
        while True:
            size, run = entry.size, complete(store, entry, work.sent)
            entry.read()
            if not run or entry.size == size:  # else a training has ended here meanwhile
                break
    if not run:
        return ""
    if entry.over:
        remove(entry.folder)
    return f"MLflow run {in_line(str(run.info.run_name))}: {store.shows(run)}"
