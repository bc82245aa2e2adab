"""Sending what waits in the outbox, in a process of its own with a deadline: no store can hold a stage up.

python -m charloom.tracking.send SECONDS FOLDER...
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from charloom.base.errors import Unavailable
from charloom.settings.entry import run_command
from charloom.tracking.locations import follow_folder
from charloom.tracking.messages import first_line
from charloom.tracking.outbox import held, opened

SOURCES = Path(__file__).parents[2]


def deliver(folders: list[Path], seconds: int) -> str:
    """Send these folders of the outbox, and count the trainings whose `track` was skipped; print a line for each.

    Return why MLflow has not got all of it, or an empty text. Raises Unavailable as `follow_folder` does.
    """
    follow_folder()
    done = subprocess.run(
        [sys.executable, "-m", "charloom.tracking.send", str(seconds), *map(str, folders)],
        env=os.environ | {"PYTHONPATH": str(SOURCES)},
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode == -signal.SIGALRM:
        return f"no answer within {seconds} s"
    return (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1] if done.returncode else ""


def send(folders: list[Path], seconds: int) -> None:
    """Send the folders here, the others too where one fails. Raises Unavailable with the first reason."""
    from charloom.tracking.completion import complete, count_trainings  # noqa: PLC0415  a stage imports no MLflow
    from charloom.tracking.store import connected  # noqa: PLC0415  likewise

    reasons = []
    with connected(seconds) as store:
        store.close_dead()
        for folder in folders:
            try:
                with held(folder):
                    run = complete(store, opened(folder), folder)
                    shutil.rmtree(folder)
            except Exception as error:  # noqa: BLE001  a database's driver has exceptions of its own
                reasons.append(first_line(error))
            else:
                print(f"MLflow run {run.info.run_name}: `make ui` shows it", flush=True)
        for run in count_trainings(store):
            print(f"MLflow run {run.info.run_name}: it counts a training that was not told of", flush=True)
    if reasons:
        raise Unavailable(reasons[0])


if __name__ == "__main__":
    run_command(lambda: send([Path(each) for each in sys.argv[2:]], int(sys.argv[1])))
