"""The sender: the process that delivers the spool to MLflow (see tracking/spool.py).

python -m charloom.tracking.sender IDENTITY

A process that writes to the spool starts the sender, unless a process holds the sender's lock. There is one sender for
each identity, that is for each store, user and version of the sources. A sender delivers the entries that name its
identity. The sender

    sends the points of a running training every two seconds to an open run
    ends the open run when the training has ended or was killed
    completes the run of an entry with files, and removes the entry
    sends a study, and removes its entry

and exits when no work has been left for ten seconds. It exits at once if a run or study has failed for good, or if a
delivery was requested after a failure: the next sender may have another password or certificate. It retries a failing
entry for two minutes, and longer while its training writes. A process that appends a later line starts a sender again.
Delivery is idempotent, so the sender may be killed at any time. The sender's log, which `track` reads, has an Outcome
for each attempt that a command waits for; the log's time changes with each piece that was sent. A damaged entry, or an
entry that the store refuses, delays no other entry.
"""

import os
import sys
from contextlib import suppress

from charloom.core.runtime.program import run_command
from charloom.core.base.errors import Unavailable
from charloom.core.base.storage import exclusive
from charloom.core.training.record import sender_lock


def main() -> None:
    """Run the sender until it has nothing to do or is replaced, unless another process holds its lock."""
    identity = sys.argv[1]
    with suppress(Unavailable), exclusive(sender_lock(identity), "sending", 1):
        from charloom.tracking.rounds import send_all  # noqa: PLC0415  MLflow's import takes seconds

        send_all(identity)


if __name__ == "__main__":
    run_command(main, os._exit)  # without MLflow's cleanup, which takes most of a second
