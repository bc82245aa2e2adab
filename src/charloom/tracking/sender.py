"""The sender: the one process that tells MLflow what is in the spool (see results/spool.py).

python -m charloom.tracking.sender IDENTITY

Whoever writes to the spool starts it, unless it is at work: a lock says so. One works for each identity, that is for
each store, environment and version of the sources, and takes the entries that name it. It

    shows a training at work: sends its points every two seconds
    closes the run of a training that has ended or was killed
    completes the run of an entry with files, and removes the entry
    counts a training whose `track` does not come, if its experiment has a complete run
    sends a study

until nothing is left to do. An entry that fails is tried again for two minutes, and then every 30 s
while its training goes on; `make track` starts the sender again.
What was sent is sent again after a kill, and MLflow takes it as the same. Each outcome is a line in the sender's log,
where `track` finds it. A damaged entry, or one that the store refuses, holds no other up.
"""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from charloom.base.errors import Unavailable
from charloom.base.lock import exclusive
from charloom.base.terminal import in_line
from charloom.results.spool import ASKED, sender_lock
from charloom.settings.entry import run_command
from charloom.tracking.address import database
from charloom.tracking.limits import LIMIT, limit_memory
from charloom.tracking.whole import ensure_ours

LOOK = 0.1  # seconds between looks whether somebody asks


def serve(mine: str) -> bool:
    """Send until nothing remains to be done. Return True if another database has taken the place of the store's.

    Then a new process has to go on: MLflow keeps its connections to the old database.
    """
    try:
        ensure_ours()
    except Unavailable as error:
        sys.stderr.write(f"{in_line(str(error))}\n")
        return False
    from charloom.tracking.rounds import PUTTING_MAY_TAKE, ROUND, Work, one_round  # noqa: PLC0415  they import MLflow

    limit_memory()
    works, asked, base = dict[Path, Work](), _asked(mine), _database()
    while base in {0, _database()}:
        base = _database()
        works = one_round(mine, works)
        if not any(work.left for work in works.values()) and time.time() - asked > PUTTING_MAY_TAKE:
            return False
        until = time.monotonic() + ROUND
        while time.monotonic() < until and _asked(mine) == asked:
            time.sleep(LOOK)
        if _asked(mine) != asked:
            works, asked = {}, _asked(mine)
    return True


def _database() -> int:
    """Return what names the file of an SQLite store: MLflow keeps its connections, to one that was removed, too."""
    with suppress(OSError):
        if file := database():
            return file.stat().st_ino
    return 0


def _asked(mine: str) -> float:
    """Return when somebody has asked last."""
    with suppress(OSError):
        return sender_lock(mine).with_suffix(ASKED).stat().st_mtime
    return 0.0


def main() -> None:
    """Be the sender of this identity, unless one is at work. Once the lock is free, look whether somebody asks."""
    mine = sys.argv[1]
    LIMIT.sign = sender_lock(mine)
    asked = -1.0
    while asked != (asked := _asked(mine)):
        replaced = False
        with suppress(Unavailable), exclusive(sender_lock(mine), "sending", 1):
            replaced = serve(mine)
        if replaced:
            os.execv(sys.executable, sys.orig_argv)  # noqa: S606  this program again


if __name__ == "__main__":
    run_command(main, os._exit)  # at once: to tidy up MLflow takes most of a second
