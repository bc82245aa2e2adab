"""A study, put into the spool and delivered."""

import hashlib
import json
import sys
from contextlib import suppress
from pathlib import Path
from shutil import copy

from charloom.base.errors import CharloomError
from charloom.base.storage import sha256, write, write_json
from charloom.base.terminal import in_line
from charloom.results.spool import identity, spool
from charloom.settings.pipeline import OWN
from charloom.tracking.address import address, database
from charloom.tracking.delivery import begin, deliver
from charloom.tracking.entries import STUDY
from charloom.tracking.study_contents import CONTENTS, PICTURE, StudyContents
from charloom.tracking.whole import filled

STUDY_MAY_TAKE = 120  # seconds


def put_study(contents: StudyContents) -> Path:
    """Put the study and its files into the spool, and return its folder. Raises Unavailable if that fails."""
    entry = spool() / f"{STUDY}{contents.question}-{identity()}"
    with filled(entry) as folder:
        for name in contents.files:
            copy(name, folder)
        write(folder / PICTURE, contents.picture)
        write_json(folder / CONTENTS, contents.model_dump(mode="json"))
    return entry


def send_study(contents: StudyContents) -> str:
    """Have the study delivered; warn in a line if that fails. Nothing is raised.

    What this store has got from here is not sent again; the line that says so is returned, too.
    """
    note = OWN / "studies" / f"{Path(contents.name).stem}.sent"
    try:
        if note.is_file() and note.read_bytes() == _sent(contents).encode():
            has_it = f"MLflow has got this study from here; `rm {note}` has it sent again\n"
            sys.stdout.write(has_it)
            sys.stdout.flush()
            return has_it
        since = begin()
        deliver([put_study(contents)], STUDY_MAY_TAKE, since)
    except (CharloomError, OSError) as error:
        again = f"`charloom study {in_line(contents.name)}` sends it again"
        sys.stderr.write(f"warning: MLflow has not got the study ({in_line(str(error))}); {again}\n")
        return ""
    with suppress(CharloomError, OSError):  # without the note it is sent again
        write(note, _sent(contents))
    return ""


def _sent(contents: StudyContents) -> str:
    """Return a digest of all that is sent and of where to: another database under the old name is another store."""
    store = database()
    place = [address(), store.stat().st_ino if store and store.exists() else None]
    said = [contents.model_dump(mode="json"), *(sha256(Path(file)) for file in contents.files), place]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
