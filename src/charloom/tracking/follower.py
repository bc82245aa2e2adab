"""The process that tells MLflow of a training at work. It follows the training's log; nobody waits for it.

python -m charloom.tracking.follower LOG

Of two trainings of one experiment at once, in one clone or in two, one is followed. Any trouble ends the follower
without a word: `track` completes the run from the files. The run is closed with the status that the log ends with, and
as KILLED where the training is gone and its log has no end.
"""

import math
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from charloom.base.lock import exclusive
from charloom.results.machine import gone, process
from charloom.results.training_log import Head, Log, logs_folder
from charloom.tracking.apart import limit_memory
from charloom.tracking.contents import Series
from charloom.tracking.handover import identity, wait_for_track

LOCK = "follower.lock"  # beside the experiment's logs
SECONDS_BETWEEN_BATCHES, SECONDS_BETWEEN_LOOKS = 2.0, 0.1
ENDING_MAY_TAKE = 5.0  # seconds, of a follower that was told to end
ROUND_MAY_TAKE = 60  # seconds, each time


def end_follower(experiment: str) -> None:
    """End the process that follows a training of the experiment, if there is one, and wait until it is gone."""
    lock = logs_folder() / experiment / LOCK
    with suppress(OSError, ValueError, psutil.Error):
        follower = psutil.Process(int(lock.read_text(encoding="ascii")))
        if __name__ in follower.cmdline():  # a process that was killed leaves its number, which may be another's now
            follower.terminate()
            with suppress(Timeout), FileLock(lock).acquire(timeout=ENDING_MAY_TAKE):
                pass


def follow(log: Log, seconds: int = 0) -> None:
    """Send the log's points as they come, until it ends or its training is gone; then close the run.

    With `seconds` the system ends this process where the store takes longer, once.
    """
    # MLflow's import takes seconds: the lock is held before it, so that `track` finds this process.
    from charloom.tracking.alone import alone, senders  # noqa: PLC0415  see above
    from charloom.tracking.completion import RATE, points, times  # noqa: PLC0415  see above
    from charloom.tracking.store import PROCESS, RESULTS, connected  # noqa: PLC0415  see above

    head, params = log.head, log.head.params
    signal.alarm(seconds)
    with connected() as store:
        store.close_dead()
        store.choose(head.text_sha256, params.prepare.text)
        with alone(store, head.experiment):
            runs = store.runs_of(head.experiment)
            if any(RESULTS in run.data.tags for run in runs):
                return  # a complete run receives no points
            run = runs[0] if runs else store.new_run(head.experiment, [], head.name, head.started)
            at_work, runs_now = run.data.tags.get(PROCESS, ""), run.info.status == "RUNNING"
            if runs_now and at_work != process() and not gone(at_work):
                return  # another clone is at it
            store.send(run, {}, {}, {}, None if run.data.params else params)
            store.tag(run, {PROCESS: f"{head.process}, {process()}"})
            if not runs_now:
                store.client.update_run(run.info.run_id, "RUNNING")
    there: Series = {}
    # Nor does one receive points from here that somebody is completing at this moment.
    while RESULTS not in store.client.get_run(run.info.run_id).data.tags and not senders(store, head.experiment):
        signal.alarm(seconds)
        over = gone(head.process)  # asked before the log is read: what is read then is all that will come
        log.read()
        series = points(log, params)
        for name in series.keys() - there.keys():
            there[name] = store.points(run, name)
        # A stopped training went on with other code, say: `track` makes a run of its own for what comes of it.
        strange = any(there[n].get(u, x) != x for n, each in series.items() if n != RATE for u, x in each.items())
        if not strange:
            store.send(run, series, times([log]), there)
            there = {name: there[name] | each for name, each in series.items()}
        if log.end or over or strange:
            status = log.end.status if log.end and not strange else "KILLED"
            store.close(run, status, log.end.ended if log.end else None)
            break
        _wait(head, SECONDS_BETWEEN_BATCHES)


def _wait(head: Head, seconds: float = math.inf) -> None:
    """Wait for so long, or until the training is gone."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not gone(head.process):
        time.sleep(SECONDS_BETWEEN_LOOKS)


def main() -> None:
    """Follow the log, unless its experiment is followed already; then be there for the training's `track`."""
    path = Path(sys.argv[1])
    with suppress(Exception):  # see above: any trouble
        mine = identity()
        with exclusive(path.with_name(LOCK), "following this experiment"):
            limit_memory()
            log = Log(path)
            follow(log, ROUND_MAY_TAKE)
        signal.alarm(0)
        _wait(log.head)
        log.read()
        if log.end and log.end.results:
            wait_for_track(log.head.experiment, mine)


if __name__ == "__main__":
    main()
