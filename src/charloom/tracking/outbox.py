"""The outbox: a folder in the main repository with an entry for each run or study that MLflow does not have yet.

    .charloom/outbox/<id>-<time>/    a run or a study; the newest entry with an id replaces the others
        manifest.json    what is logged: a Manifest
        files/           artifacts; models; code, which a served model needs

An entry is complete in itself: sending it needs no other file. It is written to another folder, and renamed. It is
removed when MLflow has the run. A process that sends entries holds the outbox's lock.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from pydantic import Field

from charloom.core.base.errors import Damaged
from charloom.core.base.storage import read_json, write, write_json
from charloom.core.config.pipeline import CHARLOOM_FOLDER, root
from charloom.core.config.records import Schema

FILES, MANIFEST = "files", "manifest.json"
ARTIFACTS, MODEL_FILES, CODE = "artifacts", "models", "code"  # folders of FILES: what a run's page shows; models
SERVED, PACKED = "served.py", "charloom.zip"  # files of CODE: see served.py; the sources that it imports
PATCH = "uncommitted.diff"  # the artifact with the uncommitted changes
PAGE, PICTURE = "report.html", "comparison.svg"  # a study's page; the picture in the description of its run
BEST, LAST = "lowest_smooth_loss", "last"  # names of models in MLflow; others are checkpoints
Content = Path | str | bytes  # a file to copy, or the content
Point = tuple[str, int, float, float]  # name, update, value, time in seconds since 1970


class Manifest(Schema):
    """A run or a study, as it is logged in MLflow.

    id           of a run: its training's id, or a digest if that is unknown; of a study: a digest of question and text
    trained      whether `id` is that of a training
    experiment   key of the MLflow experiment: the SHA-256 of a text, or `studies`
    source       path of the text or of the study's file
    name         name of the run
    description  Markdown
    tags         tags of the run
    started, ended  seconds since 1970; the time at which the entry was made if they are unknown
    params       by dotted name
    points       of all metrics
    dataset      name, digest, source and profile, as MLflow has them; {} if there is none
    models       number of updates of each model, by name in MLflow
    better       the model that becomes a version of the text's registered model: its name in MLflow, its description,
                 and its tags; {} in a study
    sha256       SHA-256 of each file in FILES, by path; `put` adds it
    """

    id: str
    trained: bool
    experiment: str
    source: str
    name: str
    description: str
    tags: dict[str, str]
    started: float
    ended: float
    params: dict[str, str]
    points: list[Point]
    dataset: dict[str, str]
    models: dict[str, int]
    better: dict[str, str]
    sha256: dict[str, str] = Field(default_factory=dict)


def place() -> Path:
    """Return the outbox's folder, in the main repository: DVC removes the folder of an experiment."""
    return root() / CHARLOOM_FOLDER / "outbox"


def put(manifest: Manifest, files: Mapping[str, Content], check: Callable[[], None] = lambda: None) -> Path:
    """Add an entry to the outbox; return the entry's folder.

    files  the contents by path in FILES
    check  called when all files are collected; after an exception in `check` there is no entry

    Raises OSError or Unavailable if the entry cannot be written.
    """
    folder, new, hashes = place() / f"{manifest.id}-{time.time_ns()}", place() / f".{uuid4().hex}.new", {}
    try:
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            data = data.read_bytes() if isinstance(data, Path) else data
            write(new / FILES / path, data)
            hashes[path] = sha256(data).hexdigest()
        check()
        write_json(new / MANIFEST, manifest.model_dump() | {"sha256": hashes})
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return folder


def waiting(first: Path | None = None) -> list[Path]:
    """Return the entries' folders, `first` in front, then the older ones first. The caller holds the outbox's lock.

    Of several entries with one id only the newest is returned, and the others are removed.
    """
    entries = dict[str, Path]()
    for manifest in sorted(place().glob(f"[!.]*/{MANIFEST}")):
        key = manifest.parent.name.rpartition("-")[0]
        if key in entries:
            remove(entries[key])
        entries[key] = manifest.parent
    return sorted(entries.values(), key=lambda folder: (folder != first, folder.stat().st_mtime))


def read_entry(folder: Path) -> Manifest:
    """Return the entry's manifest. Raises Damaged if the manifest or a file is damaged."""
    remedy = "remove this folder; `make track`, or `charloom study` with a study's file, makes it again"
    manifest = read_json(folder / MANIFEST, Manifest, remedy)
    for path, digest in manifest.sha256.items():
        file = folder / FILES / path
        if not file.is_file() or sha256(file.read_bytes()).hexdigest() != digest:
            raise Damaged(f"{file}: damaged or missing; {remedy}")
    return manifest


def remove(folder: Path) -> None:
    """Remove the entry, the manifest first: a folder without it is no entry. Raises OSError if that fails."""
    (folder / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
