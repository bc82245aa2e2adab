"""The first updates of a committed training, made again in seconds, beside the rows that its tables have of them."""

import tempfile
from contextlib import chdir, suppress
from pathlib import Path

from charloom.base.errors import Diverged
from charloom.proof.differences import difference
from charloom.settings.params import Params, read_params
from charloom.settings.pipeline import files
from charloom.text.corpus import read_prepared, split, survey, write_text
from charloom.training.loop import train
from charloom.training.protocol import Training, write_trace
from charloom.training.trace import EMPTY, Trace, extended

UPDATES = 200


def first_updates(folder: Path) -> list[tuple[str, str, str]]:
    """Return stage and file of each table with rows of the first updates, and what differs in those rows.

    folder  a clone; nothing of it is written to
    """
    with tempfile.TemporaryDirectory() as place, chdir(folder):
        tables = {key: file for key, file in files("train").items() if key.startswith("plots/")}
        made = {key: Path(place) / file.name for key, file in tables.items()}
        write_trace(_trace(read_params(), Path(place) / "text.npz"), made)
        # A table that is not made has no row of each update.
        return [("train", str(file), _beside(file, made[key])) for key, file in tables.items() if made[key].exists()]


def _beside(file: Path, made: Path) -> str:
    """Return what the first rows of a committed table and these differ in."""
    if not file.is_file():
        return "it is not committed"
    rows = made.read_bytes()
    committed = b"".join(file.read_bytes().splitlines(keepends=True)[: rows.count(b"\n")])
    return difference({file.name: committed}, {file.name: rows})


def _trace(params: Params, prepared: Path) -> Trace:
    """Return the trace of the first updates; it is shorter where they diverge."""
    found = survey(Path(params.prepare.text))
    write_text(prepared, found, split(found.characters, params.prepare.held_out))
    training, trace = Training(params, read_prepared(prepared), Path(), {}), EMPTY
    training.text.check(found.path, params.seq_length, params.batch)
    updates = min(UPDATES, params.train.updates)
    with suppress(Diverged):
        for rows in train(training.initial(), training.text.training, updates, training.every, training.params.recipe):
            trace = extended(trace, rows, training.epoch, params.train.target_smooth_loss)
    return trace
