"""The rounds of the sender: in each, it delivers what can be delivered now from the spool."""

import os
import random
import time
from pathlib import Path

from charloom.core.base.errors import Damaged
from charloom.core.base.words import in_line
from charloom.tracking.address import database, store_lock
from charloom.tracking.completion import complete, show
from charloom.tracking.entries import Entry, entries
from charloom.tracking.experiment_lock import Busy
from charloom.tracking.limits import limit_memory, time_limit
from charloom.tracking.store import connected, reason_of
from charloom.tracking.study_completion import complete_study

PAUSE = 0.03  # seconds between two rounds
LINGER = 10  # seconds without work: `track` starts the sender before it has collected the files of its entry
SILENCE_LIMIT = 30  # seconds without progress while an entry is sent
RETRY_PERIOD, RETRY_PAUSE = 120, 5  # seconds after the first failure since a new line; after each failure
IDLE_LIMIT = 600  # seconds after a training's last line until the sender stops waiting for the next
LONGEST_PAUSE = 30.0  # mean seconds between two attempts while another sender is busy: sixty must not fill a server
LIVE_PERIOD = 2.0  # seconds between two attempts at an entry whose training goes on


def send_all(identity: str) -> None:
    """Run rounds until no work has been left for LINGER seconds for the sender with this identity."""
    limit_memory()
    if database():  # MLflow must not keep connections to a file that another file may replace
        os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
    has_address = "MLFLOW_TRACKING_URI" in os.environ
    remaining, end = dict[Path, Entry](), time.monotonic() + LINGER
    while (now := time.monotonic()) < end:
        if not has_address:  # MLflow sets it, but the folder with the database may have been moved since
            os.environ.pop("MLFLOW_TRACKING_URI", None)
        remaining = run_round(identity, remaining)
        if any(now < entry.retry_until for entry in remaining.values()):
            end = time.monotonic() + LINGER  # a round may take minutes
        time.sleep(PAUSE)


def run_round(identity: str, earlier: dict[Path, Entry]) -> dict[Path, Entry]:
    """Deliver what can be delivered now of the entries that this sender has to deliver.

    Print a line for each outcome, and return the entries by folder, without those that were delivered completely.

    identity  the sender's identity
    earlier   the entries that the last round returned
    """
    own = [entry for entry in entries(earlier) if entry.sender == identity]
    for entry in own:
        if entry.next_time <= time.monotonic() < entry.retry_until:
            _try(entry)
    return {entry.folder: entry for entry in own if entry.path.exists()}  # a delivered entry is removed


def _try(entry: Entry) -> None:
    """Try to deliver the entry now; print a line with the entry's name, the completed run or study, and the failure.

    The three parts are separated by tabs; the second or the third is empty. If another sender has delivered the entry,
    both are. If another sender is busy with the same experiment, the line is empty.
    """
    now, line, entry.reason = time.monotonic(), "", ""
    entry.next_time = now + LIVE_PERIOD
    try:
        with time_limit(SILENCE_LIMIT):
            line = _send(entry)
    except FileNotFoundError:  # another sender has delivered the entry
        entry.retry_until = 0.0
    except Damaged as error:
        entry.reason, entry.retry_until = str(error), 0.0
    except Busy:
        entry.next_time = now + random.uniform(0.5, 1.5) * entry.pause  # noqa: S311  two senders must not always meet
        entry.pause = min(1.5 * entry.pause, LONGEST_PAUSE)
        print(flush=True)  # `deliver` waits on
        return
    except Exception as error:  # noqa: BLE001  database drivers raise exceptions of their own
        entry.reason, entry.next_time = reason_of(error), now + RETRY_PAUSE
        entry.retry_until = min(entry.retry_until, time.monotonic() + RETRY_PERIOD)
    if entry.can_complete or entry.reason:
        print(f"{entry.folder.name}\t{in_line(line)}\t{in_line(entry.reason)}", flush=True)


def _send(entry: Entry) -> str:
    """Complete the entry's run or study, and remove the entry; without files, show the training in its open run.

    Return a line with the name and the address of what was completed, or "". Raises Damaged if the files or the record
    of `track` were changed.
    """
    ended = entry.has_ended  # checked before the record is read, so that no late line is missed
    entry.read()
    if entry.can_complete and not entry.is_intact:
        hint = "remove this entry; `make track` in the folder with its results adds it again"
        raise Damaged(f"{entry.folder}: not sent, because it was damaged or changed; {hint}")
    if entry.can_complete or ended or max(entry.sent, 0) < len(entry.points):
        with connected() as store, store_lock():
            if entry.study:
                run, name = complete_study(store, entry.folder, entry.study), f"study {in_line(entry.study.name)}"
            elif entry.tracked:
                run = complete(store, entry, entry.tracked)
                name = f"run {in_line(str(run.info.run_name))}"
            else:
                show(store, entry, ended=ended)
    if not entry.can_complete:
        entry.retry_until = 0.0 if ended else min(entry.retry_until, time.monotonic() + IDLE_LIMIT)
        return ""
    entry.remove()
    return f"MLflow {name}: {store.where_shown(run)}"
