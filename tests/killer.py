"""Run `train` in a project's folder, in processes that are killed after so many updates: one import for all of them.

    python killer.py "3,5,0" "7,0"

Each argument is a history that starts without outputs: SIGKILL after 3 updates, started again, SIGKILL after 5 more,
started again and left alone (0). Prints a JSON list: of each history what was printed, and SHA-256 by output.
"""

import hashlib
import json
import os
import runpy
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import mlflow.store.db.utils
import mlflow.store.tracking.sqlalchemy_store  # noqa: F401  so that no child has to
import numpy as np

from charloom import checkpoint, progress, records, resume, rnn, tracking, training  # noqa: F401

OUTPUTS = ("models", "metrics/train.json", "plots")


def train(updates: int) -> str:
    """Run the stage in a child, killed after `updates` (0: never). Return what it printed, and how it ended."""
    with tempfile.TemporaryFile("w+") as printed:
        child = os.fork()
        if not child:
            for number in (1, 2):
                os.dup2(printed.fileno(), number)
            advance, done = training.advance, []

            def counted(*arguments, **settings):
                if updates and len(done) == updates:
                    os.kill(os.getpid(), signal.SIGKILL)
                done.append(1)
                return advance(*arguments, **settings)

            training.advance = counted
            training.block = lambda *_: 1  # one update a call
            runpy.run_path("src/train.py")
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        printed.seek(0)
        return f"{printed.read()}exit {ended}"


def clear() -> None:
    """Do what DVC does before it runs the stage."""
    for name in OUTPUTS:
        path = Path(name)
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def hashes() -> dict[str, str]:
    """Return SHA-256 of each output."""
    files = [file for name in OUTPUTS for file in ([Path(name)] if Path(name).is_file() else Path(name).rglob("*"))]
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files) if file.is_file()}


start = training.start(rnn.init(8, 5, 0.1, np.random.default_rng(0)), 0.0)
training.advance(start, np.arange(5, dtype=np.uint8), 1, seq_length=3, eta=0.1, clip=5.0)  # compiles
histories = []
for history in sys.argv[1:]:
    said = []
    for updates in map(int, history.split(",")):
        clear()
        said.append(train(updates))
    histories.append({"printed": said, "outputs": hashes()})
print(json.dumps(histories))
