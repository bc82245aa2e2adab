"""A quick check: repeat the first updates of the committed training, and compare the first rows of its tables."""

import tempfile
from contextlib import suppress
from pathlib import Path

from charloom.base.errors import Diverged
from charloom.proof.differences import Row, difference
from charloom.settings.pipeline import Project
from charloom.text.corpus import read_prepared, split, survey, write_text
from charloom.training.protocol import Training, write_trace
from charloom.training.trace import EMPTY, Trace

UPDATES = 200


def first_updates(clone: Project) -> list[Row]:
    """Repeat the first UPDATES updates; return a row for each table in plots/.

    Tables without rows for these updates are left out. A missing table counts as a difference.
    """
    tables = {key: file for key, file in clone.files("train").items() if key.startswith("plots/")}
    with tempfile.TemporaryDirectory() as folder:
        repeated = {key: Path(folder) / file.name for key, file in tables.items()}
        write_trace(_trace(clone, Path(folder) / "text.npz"), repeated)
        # write_trace writes no table whose rows exist only at checkpoints.
        compared = [(file, _difference(file, repeated[key])) for key, file in tables.items() if repeated[key].exists()]
    return [Row("train", str(file.relative_to(clone.root)), what) for file, what in compared]


def _difference(file: Path, repeated: Path) -> str:
    """Compare the repeated table with as many first rows of the committed one; return the difference, or "".

    file, repeated  paths of the committed and of the repeated table
    """
    if not file.is_file():
        return "it is not committed"
    rows = repeated.read_bytes()
    committed = b"".join(file.read_bytes().splitlines(keepends=True)[: rows.count(b"\n")])
    return difference({file.name: committed}, {file.name: rows})


def _trace(clone: Project, prepared: Path) -> Trace:
    """Train for UPDATES updates, or fewer if the params say so; return the trace, which ends early at divergence.

    prepared  path for the temporary file of the text's ids
    Raises WrongInput if the text is missing, invalid or too short.
    """
    params = clone.params()
    with clone.naming_files():
        text = survey(clone.root / params.prepare.text)
        write_text(prepared, text, split(text.characters, params.prepare.held_out))
    training, trace = Training(params, read_prepared(prepared), Path(), {}), EMPTY
    training.text.check(Path(params.prepare.text), params.seq_length, params.batch)
    updates = min(UPDATES, params.train.updates)
    with suppress(Diverged):
        for block in training.blocks(training.initial(), EMPTY, updates):
            trace = block.trace
    return trace
