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
from pathlib import Path

from forked import compile_kernel, run

from charloom.training import loop as training

OUTPUTS = ("models", "metrics/train.json", "plots")


def train(updates: int) -> str:
    """Run the stage in a child, killed after `updates` (0: never; below 0: by SIGTERM); return what it printed."""

    def count() -> None:
        advance, done = training.advance, []

        def counted(*arguments, **settings):
            if updates and len(done) == abs(updates) + 1:  # the first call only compiles
                os.kill(os.getpid(), signal.SIGKILL if updates > 0 else signal.SIGTERM)
            done.append(1)
            return advance(*arguments, **settings)

        training.advance = counted
        training.block = lambda *_: 1  # one update a call

    printed, code = run("train", count)
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
    """Play the histories."""
    compile_kernel()
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
