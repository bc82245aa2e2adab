"""Save three states of a training in the folder, for a test that lets it fail on the way: `python saver.py FOLDER`."""

import sys
from pathlib import Path

from test_mutations import IDS, SETTINGS, START

from charloom.settings.pipeline import run
from charloom.training import loop as training
from charloom.training import resume
from charloom.training.trace import EMPTY, extended


def main() -> None:
    """Save, and say so."""
    state, trace = START, EMPTY
    for _ in range(3):
        rows = training.advance(state, IDS, 2, seq_length=3, eta=0.1, clip=5.0)
        state, trace = rows.after, extended(trace, rows, 3, 1.0)
        resume.save(Path(sys.argv[1]), SETTINGS, state, trace, {})
        print(state.update, flush=True)


run(main)
