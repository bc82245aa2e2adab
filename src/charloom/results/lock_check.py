"""A check that dvc.lock records the inputs and outputs of the stages, and that the present files are the same."""

from contextlib import suppress
from pathlib import Path

from charloom.core.base.errors import CheckFailed, Damaged
from charloom.core.base.sources import files_in
from charloom.core.base.storage import sha256, unsealed
from charloom.core.config.params import Params, flat_of
from charloom.core.config.pipeline import LOCK, changed_inputs
from charloom.core.runtime.inputs import NOTES, values_of
from charloom.results.dvc_lock import locked, md5, stages_in


def ensure_recorded(params: Params) -> None:
    """Raise CheckFailed if dvc.lock does not record the inputs and outputs of the stages, except `track`.

    First, each stage's entry in dvc.lock is compared with `params` and with the present files. Then `params` and the
    present files are compared with the stage's note, which its last run left in NOTES. A difference from the note is
    ignored if dvc.lock has the same entry as before that run, because Git has then restored the entry. A note is
    removed after the comparison, because dvc.lock may later be that of another commit. Raises Damaged as `locked` does.
    """
    stages = {name: stage for name, stage in locked().items() if name != "track"}
    paths = {path for stage in stages.values() for path in (*stage.deps, *stage.outs)}
    now = flat_of(params) | {path: md5(Path(path)) for path in paths}
    for name, stage in stages.items():
        # A name with a colon is a param of another file, or a file elsewhere: it cannot be compared.
        recorded = {key: value for key, value in (stage.params | stage.deps | stage.outs).items() if ":" not in key}
        if changes := changed_inputs(recorded, {key: now.get(key) for key in recorded}):
            raise CheckFailed(
                f"{name}: {LOCK} differs from the files and params: {changes}; run not recorded; try `dvc repro`"
            )
        note = NOTES / f"{name}.json"
        try:
            values, outputs, lock = unsealed(note.read_bytes().rstrip(b"\n"))
        except (OSError, ValueError):  # the note is missing or corrupt
            continue
        present = values_of(name, params) | {str(f): sha256(f) for path in stage.outs for f in files_in(Path(path))}
        if changes := changed_inputs(values | outputs, present):
            restored = False
            with suppress(Damaged):  # there was no dvc.lock
                restored = stages_in(lock.encode()).get(name) == stage
            if not restored:
                hint = "run not recorded; try `dvc repro --force`"
                raise CheckFailed(f"{name}: inputs or outputs changed before DVC recorded them: {changes}; {hint}")
        note.unlink(missing_ok=True)
