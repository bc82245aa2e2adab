"""The rounds of the sender: in each round, it delivers the entries of the spool that can be delivered now."""

import math
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from charloom.core.base.errors import Damaged, Unavailable
from charloom.core.base.storage import exclusive
from charloom.core.base.words import in_line
from charloom.core.training.record import sender_lock
from charloom.tracking.address import store_lock
from charloom.tracking.completion import complete, complete_study, show
from charloom.tracking.entries import Entry, entries
from charloom.tracking.limits import limit_memory, time_limit
from charloom.tracking.reasons import Refused
from charloom.tracking.spool import Outcome
from charloom.tracking.store import connected, reason_of

PAUSE, LONGEST_PAUSE = 0.03, 0.5  # seconds between two rounds, which take a tenth of the time at most
LINGER = 10  # seconds without work: `track` starts the sender before it has collected the files of its entry
RETRY_PERIOD, RETRY_PAUSE = 120, 5  # seconds after the first failure since a new line; after each failure
LOCK_WAIT = 20  # seconds until another sender, of other sources, has ended its attempt at the same entry
LIVE_PERIOD = 2.0  # seconds between two attempts at an entry whose training goes on


class Delivery:
    """The delivery of an entry: the times for the next attempt, in seconds of time.monotonic(), and the last failure.

    size, requests  the entry's values when `look` was called last
    reason     why the last attempt failed, or ""
    next_time, retry_until  the next attempt is made between these times; a new line in the record sets `retry_until` to
               infinity, and a request for delivery also sets `next_time` to 0
    """

    def __init__(self, entry: Entry):
        """Allow an attempt at once."""
        self.entry, self.size, self.requests = entry, entry.size, entry.requests
        self.reason, self.next_time, self.retry_until = "", 0.0, math.inf

    def look(self) -> None:
        """Set `next_time` and `retry_until` by the lines of the record that were read since the last call.

        Raises Unavailable if the delivery was requested again after a failure. The new request may have another
        environment, such as a new password or certificate, and only a newly started sender has that environment.
        """
        if self.entry.size > self.size:
            self.retry_until = math.inf
        if self.entry.requests > self.requests:
            if self.reason:
                raise Unavailable(f"{self.entry.folder}: requested again after a failure; a new sender has to start")
            self.next_time = 0.0
        self.size, self.requests = self.entry.size, self.entry.requests

    def attempt(self) -> None:
        """Try to deliver the entry now; print the Outcome if a run or study was completed, or the attempt failed.

        If another sender has delivered the entry, the Outcome is empty. Raises Unavailable, before the Outcome, if the
        attempt failed and the delivery was requested in the meantime: see `look`.
        """
        now, line, self.reason = time.monotonic(), "", ""
        self.next_time = now + LIVE_PERIOD
        try:
            with time_limit(), exclusive(sender_lock(self.entry.folder.name), "sending", LOCK_WAIT):
                line = self._send()
        except FileNotFoundError:  # another sender has delivered the entry
            self.retry_until = 0.0
        except Exception as error:  # noqa: BLE001  database drivers raise exceptions of their own
            self.reason, self.next_time = reason_of(error), now + RETRY_PAUSE
            is_final = isinstance(error, Damaged | Refused)
            self.retry_until = 0.0 if is_final else min(self.retry_until, time.monotonic() + RETRY_PERIOD)
            with suppress(OSError):
                self.entry.read()
            self.look()
        if self.entry.can_complete or self.reason:
            outcome = Outcome(entry=self.entry.folder.name, delivered=in_line(line), failure=in_line(self.reason))
            print(outcome.model_dump_json(), flush=True)

    def _send(self) -> str:
        """Complete the entry's run or study, and remove the entry. For an entry without files, only send its points.

        Return a line with the name and the address of the completed run or study, or "". Raises Damaged if the entry's
        files or points were changed after `track` wrote them.
        """
        entry = self.entry
        ended = entry.has_ended  # checked before the record is read, so that no late line is missed
        entry.read()
        self.look()
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
            self.retry_until = 0.0 if ended else self.retry_until
            return ""
        entry.remove()
        return f"MLflow {name}: {store.where_shown(run)}"


def send_all(identity: str) -> None:
    """Run rounds until no work has been left for LINGER seconds for the sender with this identity.

    Return earlier if a run or study has failed and will not be retried, because the next sender may have another
    password. For the same reason, raise Unavailable if a command requests the delivery of an entry whose last attempt
    failed.
    """
    limit_memory()
    has_address = "MLFLOW_TRACKING_URI" in os.environ
    remaining, end = dict[Path, Delivery](), time.monotonic() + LINGER
    while (now := time.monotonic()) < end:
        if not has_address:  # MLflow sets it, but the folder with the database may have been moved since
            os.environ.pop("MLFLOW_TRACKING_URI", None)
        remaining = run_round(identity, remaining)
        spent = time.monotonic() - now  # each round reads all records, also those of other senders
        if any(now < delivery.retry_until for delivery in remaining.values()):
            end = time.monotonic() + LINGER  # a round may take minutes
        elif any(delivery.reason and delivery.entry.can_complete for delivery in remaining.values()):
            return  # a training without files would start a sender again and again
        time.sleep(min(max(PAUSE, 10 * spent), LONGEST_PAUSE))


def run_round(identity: str, earlier: Mapping[Path, Delivery]) -> dict[Path, Delivery]:
    """Deliver those entries of this sender that can be delivered now.

    Print an Outcome for each attempt, and return the deliveries by folder, without those that are complete. Raises
    Unavailable, before the first attempt, if a delivery was requested after a failure.

    identity  the sender's identity
    earlier   the deliveries that the last round returned
    """
    known = {folder: delivery.entry for folder, delivery in earlier.items()}
    own = [earlier.get(entry.folder) or Delivery(entry) for entry in entries(known) if entry.sender == identity]
    for delivery in own:
        delivery.look()
    for delivery in own:
        if delivery.next_time <= time.monotonic() < delivery.retry_until:
            delivery.attempt()
    return {work.entry.folder: work for work in own if work.entry.path.exists()}  # a delivered entry is removed
