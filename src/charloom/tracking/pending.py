"""What was trained and is not in MLflow yet: a note for each fingerprint, in `.charloom/pending/`.

`train` notes each training as it ends, `track` removes the note when MLflow has it. When MLflow cannot be reached,
`track` adds where the files will be found later: an experiment's name, or a commit of the working folder.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from charloom.base.errors import Damaged, Unavailable
from charloom.base.lock import in_turn
from charloom.base.storage import read_json, write_json
from charloom.results.git import commit, git, snapshot
from charloom.results.machine import machine
from charloom.results.records import Note, Training
from charloom.settings.pipeline import OWN, root

REFS = "refs/charloom/pending"  # what they name Git keeps


def path(fingerprint: str) -> Path:
    """Return the note's file."""
    return root() / OWN / "pending" / f"{fingerprint}.json"


def note(fingerprint: str) -> Note:
    """Return the note; an empty one where there is none, or none that can be read: it is no result."""
    with suppress(Damaged):
        return read_json(path(fingerprint), Note)
    return Note(trainings=[])


def any_left() -> bool:
    """Return whether there is any note."""
    return any((root() / OWN / "pending").glob("*.json"))


def waiting() -> dict[str, Note]:
    """Return the notes of what MLflow has missed, by fingerprint."""
    names = sorted(file.stem for file in (root() / OWN / "pending").glob("*.json"))
    return {name: found for name in names if (found := note(name)).commit or found.experiment}


def trained(fingerprint: str) -> None:
    """Note that a training has ended here and now."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    training = Training(when=now, experiment=os.environ.get("DVC_EXP_NAME", ""), **machine())
    _change(fingerprint, lambda note: note.model_copy(update={"trainings": [*note.trainings, training]}))


def missed(fingerprint: str) -> None:
    """Note that MLflow has not got it, and where it can be found later."""
    found = {"experiment": os.environ.get("DVC_EXP_NAME", ""), "commit": "", "baseline": commit()}
    if not found["experiment"]:
        found["commit"] = snapshot()
        git("update-ref", f"{REFS}/{fingerprint}", found["commit"], folder=root())
    _change(fingerprint, lambda note: note.model_copy(update=found))


def done(fingerprint: str, trainings: list[Training]) -> None:
    """Forget it: MLflow has it, with these trainings."""
    _change(fingerprint, lambda note: Note(trainings=[each for each in note.trainings if each not in trainings]))
    git("update-ref", "-d", f"{REFS}/{fingerprint}", folder=root())


def _change(fingerprint: str, change: Callable[[Note], Note]) -> None:
    """Replace the note by what `change` makes of it; an empty one goes. A note less is no reason to fail."""
    with suppress(OSError, Unavailable), in_turn(root() / OWN / "pending.lock"):
        changed = change(note(fingerprint))
        if changed == Note(trainings=[]):
            path(fingerprint).unlink(missing_ok=True)
        else:
            write_json(path(fingerprint), changed.model_dump())
