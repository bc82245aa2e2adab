"""Run `train` in a project's folder, in processes that are killed after so many updates: one import for all of them.

    python killer.py "3,5,0" "7,0"

Each argument is a history that starts without outputs: SIGKILL after 3 updates, started again, SIGKILL after 5 more,
started again and left alone (0); −3 is SIGTERM in the update after the third.
Prints a JSON list: of each history what was printed, and SHA-256 by output.
"""

import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

import numpy as np
from recipes import recipe

import train as stage
from charloom.kernel import advance as kernel
from charloom.settings.entry import run_stage
from charloom.training import loop
from charloom.training import protocol as training

OUTPUTS = ("models", "metrics/train.json", "plots")


def child(first: Callable[[], None]) -> tuple[str, int]:
    """Run the stage in a child, after calling `first` there. Return what it printed, and its exit code."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
        child = os.fork()
        if not child:
            for number in (1, 2):
                os.dup2(printed.fileno(), number)
            first()
            try:
                run_stage(stage.main, sys.exit)
            except SystemExit as ended:
                sys.stdout.flush()
                os._exit(int(ended.code or 0))  # taking down what all share would take longer than the training
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        printed.seek(0)
        return printed.read(), code


def train(updates: int) -> str:
    """Run the stage in a child, killed after `updates` (0: never; below 0: by SIGTERM); return what it printed."""

    def count() -> None:
        done = []

        def counted(*arguments, **settings):
            if updates and len(done) == abs(updates):
                os.kill(os.getpid(), signal.SIGKILL if updates > 0 else signal.SIGTERM)
            done.append(1)
            return kernel.advance(*arguments, **settings)

        loop.advance = counted
        training.block = lambda *_: 1  # one update a call

    printed, code = child(count)
    return f"{printed}exit {code}"


def clear(folder: Path) -> None:
    """Do what DVC does before it runs the stage."""
    for name in OUTPUTS:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def hashes() -> dict[str, str]:
    """Return SHA-256 of each output."""
    files = [file for name in OUTPUTS for file in ([Path(name)] if Path(name).is_file() else Path(name).rglob("*"))]
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files) if file.is_file()}


def main() -> None:
    """Play the histories. The kernel is loaded first, so that no child has to."""
    small = recipe(m=8)
    kernel.advance(kernel.start(small, 5, seed=0), np.arange(5, dtype=np.uint8), 1, small)
    histories = []
    for history in sys.argv[1:]:
        said = []
        for updates in map(int, history.split(",")):
            clear(Path())
            said.append(train(updates))
        histories.append({"printed": said, "outputs": hashes()})
    print(json.dumps(histories))


if __name__ == "__main__":
    main()
