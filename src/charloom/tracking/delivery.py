"""Have the sender deliver entries of the spool, wait for the delivery, and print the outcome."""

import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from charloom.base.errors import Unavailable
from charloom.base.lock import is_held
from charloom.results.spool import STARTING_MAY_TAKE, identity, sender_lock, start_sender
from charloom.tracking.address import relocate_store
from charloom.tracking.limits import TOTAL_FACTOR

SENDER = "charloom.tracking.sender"
POLL_INTERVAL = 0.05  # seconds


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


def deliver(entries: Iterable[Path], seconds: float, since: int) -> None:
    """Wait until the sender has processed these entries, and print the result of each entry that was sent.

    Warnings in the sender's log are printed to standard error. A sender that has ended is started again.

    entries  folders of the spool, whose records end with a request
    seconds  longest time without a line in the log; the whole wait takes at most TOTAL_FACTOR times as long
    since    offset in bytes from which the log is read, as `request_delivery` returns it

    Raises Unavailable, with the reasons, if an entry was not sent, if the sender does not start, if the time is over,
    or if the sender's log or our own database cannot be used.
    """
    relocate_store()  # in this process, because the sender's output goes to its log
    lock, pending, reasons = sender_lock(identity()), {entry.name for entry in entries}, dict[str, None]()
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
