"""What waits in the spool, delivered by the sender while somebody looks on."""

import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from charloom.base.errors import Unavailable
from charloom.base.lock import is_held
from charloom.results.spool import ASKED, STARTING_MAY_TAKE, identity, sender_lock, start_sender
from charloom.tracking.address import follow_folder
from charloom.tracking.limits import WHOLE
from charloom.tracking.whole import ensure_ours

SENDER = "charloom.tracking.sender"
LOOK = 0.05  # seconds


def begin() -> int:
    """Start the sender, as its imports take seconds; return the size of its log: later lines are about this request."""
    sender = identity()
    with suppress(OSError):
        sender_lock(sender).parent.mkdir(parents=True, exist_ok=True)
        sender_lock(sender).with_suffix(ASKED).touch()
        start_sender(SENDER, sender)
        return sender_lock(sender).with_suffix(".log").stat().st_size
    return 0


def deliver(entries: Iterable[Path], seconds: float, since: int) -> None:
    """Have the sender send these entries, and print what its log says of them from `since` on.

    Raises Unavailable, with the reasons, if it fails, or if nothing goes on for so many seconds.
    """
    ensure_ours()
    follow_folder()  # here, so that its line is heard
    mine = identity()
    lock, waiting, reasons = sender_lock(mine), {entry.name for entry in entries}, dict[str, None]()
    try:
        log = lock.with_suffix(".log").open("rb")
        lock.with_suffix(ASKED).touch()
    except OSError as error:
        raise Unavailable(f"{error.filename}: {error.strerror}") from None
    starts, began, end = 1, time.time(), time.monotonic() + WHOLE * seconds
    sign = began
    with log:
        log.seek(since)
        while waiting and time.monotonic() < end and time.time() - sign < seconds:
            sign = max(sign, _last_sign(lock))  # a sender that has ended leaves no lock
            alive = is_held(lock)  # asked before the log is read: what is read then is all that it says
            for line in log:
                name, done, reason = [*line.decode(errors="replace").rstrip("\n").split("\t"), "", ""][:3]
                if name.startswith("warning: "):
                    sys.stderr.write(f"{name}\n")
                elif name in waiting:
                    waiting.remove(name)
                    if done:
                        print(done, flush=True)
                    elif reason:
                        reasons[reason] = None
            if waiting and not alive and time.time() - began >= starts * STARTING_MAY_TAKE:
                start_sender(SENDER, mine)
                starts += 1
            time.sleep(LOOK)
    if waiting:
        reasons[f"nothing went on for {seconds:g} s; {log.name} says why"] = None
    if reasons:
        raise Unavailable("; ".join(reasons))


def _last_sign(lock: Path) -> float:
    with suppress(OSError):
        return lock.stat().st_mtime
    return 0.0
