"""The other end of live.py: it reads a training's lines of JSON and sends them to MLflow.

python -m charloom.mirror FILE_DESCRIPTOR, where the status will be: nothing there is the status of a killed training.
"""

import json
import os
import select
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from charloom.results.machine import process
from charloom.settings.params import Params
from charloom.tracking.live import first_line

SECONDS_BETWEEN_BATCHES = 2.0
SECONDS_ALONE = 60  # that it may go on when the training's process is gone

MOUTH = os.dup(1)
RATE = "characters_per_second"

Message = Any  # what names the run, then [name, step, value, time]


def main() -> None:
    """Mirror one training; say in a line why, where that fails."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints is not for training
    try:
        _mirror()
    except Exception as error:  # noqa: BLE001  whatever it is, training goes on
        _say(first_line(error))
    os._exit(0)  # at once: training waits for this


def _say(line: str) -> None:
    with suppress(BrokenPipeError):  # training may be gone
        os.write(MOUTH, f"{line}\n".encode())


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    time.sleep(SECONDS_ALONE)
    os._exit(1)


def _mirror() -> None:
    from charloom.tracking.address import create  # noqa: PLC0415  MLflow's import takes seconds: the watch has to begin before
    from charloom.tracking.store import RESULTS, Store  # noqa: PLC0415  it imports MLflow too

    batches = _batches()
    (head, *messages), ended = next(batches)
    create()
    _say("")  # from here on it is the store that takes time
    store, params = Store(), Params.model_validate(head["params"])
    store.connect()
    store.close_dead()
    run = store.run(head["fingerprint"], params)
    if RESULTS in run.data.tags:
        return  # complete already
    store.open(run, f"{head['process']}, {process()}")
    rated = set(store.points(run, RATE))  # a resumed training passes them again, at another speed
    newest = None
    while True:
        series: dict[str, dict[int, float]] = {}
        for name, step, value, _ in messages:
            series.setdefault(name, {})[step] = value
        if messages:
            before = newest or messages[0]
            newest = messages[-1]
            updates, seconds = newest[1] - before[1], newest[3] - before[3]
            if updates > 0 and seconds > 0 and newest[1] not in rated:
                series[RATE] = {newest[1]: updates * params.seq_length / seconds}
        store.send(run, series)
        if ended:
            status = os.read(int(sys.argv[1]), 100).decode()
            store.client.set_terminated(run.info.run_id, status or "KILLED")
            return
        messages, ended = next(batches)


def _batches() -> Iterator[tuple[list[Message], bool]]:
    """Yield the messages of the next seconds, and whether they are the last."""
    left, ended = b"", False
    while not ended:
        messages: list[Message] = []
        deadline = time.monotonic() + SECONDS_BETWEEN_BATCHES
        while not ended and (wait := deadline - time.monotonic()) > 0:
            if select.select([0], [], [], wait)[0]:
                chunk = os.read(0, 65536)
                *lines, left = (left + chunk).split(b"\n")
                messages += map(json.loads, lines)
                ended = not chunk
        yield messages, ended


main()
