"""Sending what waits in the outbox, in a process of its own: no store can hold a stage up."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from charloom.base.errors import CharloomError, Unavailable
from charloom.base.terminal import in_line
from charloom.tracking.apart import begun
from charloom.tracking.messages import first_line
from charloom.tracking.outbox import held, opened


@contextmanager
def delivery(seconds: int) -> Iterator[Callable[[list[Path]], str]]:
    """Begin the process that will send; give a function that has it send folders of the outbox.

    It counts the trainings whose `track` was skipped, too, and prints a line for each run. The function returns why
    MLflow has not got all of it, or an empty text.
    """
    with begun("send.send", seconds) as call:

        def deliver(folders: list[Path]) -> str:
            try:
                call(*map(str, folders))
            except CharloomError as error:
                return str(error)
            return ""

        yield deliver


def send(*folders: str) -> None:
    """Send the folders here, the others too where one fails. Raises Unavailable with the first reason."""
    from charloom.tracking.completion import complete, count_trainings  # noqa: PLC0415  a stage imports no MLflow
    from charloom.tracking.store import connected  # noqa: PLC0415  likewise

    reasons = []
    with connected() as store:
        store.close_dead()
        for folder in map(Path, folders):
            try:
                with held(folder):
                    run = complete(store, opened(folder), folder)
                    shutil.rmtree(folder)
            except Exception as error:  # noqa: BLE001  a database's driver has exceptions of its own
                reasons.append(first_line(error))
            else:
                print(f"MLflow run {in_line(run.info.run_name)}: `make ui` shows it", flush=True)
        for run in count_trainings(store):
            print(f"MLflow run {in_line(run.info.run_name)}: it counts a training that was not told of", flush=True)
    if reasons:
        raise Unavailable(reasons[0])
