"""Save three states of a training in the folder, for a test that lets it fail on the way: `python saver.py FOLDER`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from states import SETTINGS, START, after

from charloom.settings.entry import run_command
from charloom.training import resume
from charloom.training.trace import EMPTY


def main() -> None:
    """Save, and say so."""
    state, trace = START, EMPTY
    for _ in range(3):
        state, trace = after(2, state, trace)
        resume.save(Path(sys.argv[1]), SETTINGS, state, trace, {})
        print(state.update, flush=True)


if __name__ == "__main__":
    run_command(main)
