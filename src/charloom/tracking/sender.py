"""The sender: the process that delivers the spool to MLflow (see results/spool.py).

python -m charloom.tracking.sender IDENTITY

A process that writes to the spool starts the sender, unless a process holds the sender's lock. There is one sender for
each identity, that is for each store, environment and version of the sources. A sender delivers the entries that name
its identity. The sender

    sends the points of a running training every two seconds to a live run
    ends the live run when the training has ended or was killed
    completes the run of an entry with files, and removes the entry
    counts a training without `track`, if its experiment has a complete run
    sends a study

and exits when no work is left. It retries a failing entry for two minutes, then every 30 s while the training runs.
`make track` starts the sender again. Delivery is idempotent, so the sender may be killed at any time. Its log has a
line for each outcome, which `track` reads. A damaged entry, or an entry that the store refuses, delays no other entry.
"""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from charloom.base.errors import Unavailable
from charloom.base.lock import exclusive
from charloom.results.spool import ASKED, sender_lock
from charloom.settings.entry import run_command
from charloom.tracking.address import database
from charloom.tracking.limits import LIMIT, limit_memory

POLL_INTERVAL = 0.1  # seconds between checks for a new request
REQUEST_TIMEOUT = 10  # seconds after a request in which the requested entry must be in the spool


def send_all(identity: str) -> None:
    """Run rounds until no work is left for the sender with this identity, and no request has come for some seconds."""
    from charloom.tracking.rounds import ROUND_SECONDS, Work, run_round  # noqa: PLC0415  MLflow's import takes seconds

    limit_memory()
    if database():  # MLflow must not keep connections to a file that another file may replace
        os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
    works, last_request = dict[Path, Work](), _request_time(identity)
    while True:
        works = run_round(identity, works)
        if not any(work.left for work in works.values()) and time.time() - last_request > REQUEST_TIMEOUT:
            return
        until = time.monotonic() + ROUND_SECONDS
        while time.monotonic() < until and _request_time(identity) == last_request:
            time.sleep(POLL_INTERVAL)
        if _request_time(identity) != last_request:
            works, last_request = {}, _request_time(identity)


def _request_time(identity: str) -> float:
    """Return when the sender of this identity was last asked to send, in seconds since 1970; 0 if never."""
    with suppress(OSError):
        return sender_lock(identity).with_suffix(ASKED).stat().st_mtime
    return 0.0


def main() -> None:
    """Run the sender, unless another process holds its lock."""
    identity = sys.argv[1]
    LIMIT.heartbeat = sender_lock(identity)
    with suppress(Unavailable), exclusive(sender_lock(identity), "sending", 1):
        send_all(identity)


if __name__ == "__main__":
    run_command(main, os._exit)  # without MLflow's cleanup, which takes most of a second
