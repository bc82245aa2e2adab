"""The first updates of a committed training, made again in seconds, compared with the rows of its tables."""

import tempfile
from contextlib import suppress
from pathlib import Path

from charloom.base.errors import Diverged
from charloom.proof.differences import difference
from charloom.settings.pipeline import Project
from charloom.text.corpus import read_prepared, split, survey, write_text
from charloom.training.loop import train
from charloom.training.protocol import Training, write_trace
from charloom.training.trace import EMPTY, Trace, extended

UPDATES = 200


def first_updates(clone: Project) -> list[tuple[str, str, str]]:
    """Return stage and file of each table with rows of the first updates, and what differs in those rows."""
    tables = {key: file for key, file in clone.files("train").items() if key.startswith("plots/")}
    with tempfile.TemporaryDirectory() as place:
        made = {key: Path(place) / file.name for key, file in tables.items()}
        write_trace(_trace(clone, Path(place) / "text.npz"), made)
        # A table that is not made has no row of each update.
        compared = [(file, _difference(file, made[key])) for key, file in tables.items() if made[key].exists()]
    return [("train", str(file.relative_to(clone.root)), what) for file, what in compared]


def _difference(file: Path, made: Path) -> str:
    """Return how the first rows of a committed table differ from these."""
    if not file.is_file():
        return "it is not committed"
    rows = made.read_bytes()
    committed = b"".join(file.read_bytes().splitlines(keepends=True)[: rows.count(b"\n")])
    return difference({file.name: committed}, {file.name: rows})


def _trace(clone: Project, prepared: Path) -> Trace:
    """Return the trace of the first updates; it is shorter if they diverge."""
    params = clone.params()
    with clone.naming_files():
        text = survey(clone.root / params.prepare.text)
        write_text(prepared, text, split(text.characters, params.prepare.held_out))
    training, trace = Training(params, read_prepared(prepared), Path(), {}), EMPTY
    training.text.check(Path(params.prepare.text), params.seq_length, params.batch)
    updates = min(UPDATES, params.train.updates)
    with suppress(Diverged):
        for rows in train(training.initial(), training.text.training, updates, training.every, training.params.recipe):
            trace = extended(trace, rows, training.epoch, params.train.target_smooth_loss)
    return trace
