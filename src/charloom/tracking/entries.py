"""The entries of the spool: their records, and their files with checksums. See spool.py for the format."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from charloom.core.base.storage import is_held, open_locked, sha256, unsealed, write
from charloom.core.base.terminal import warn_once
from charloom.core.base.words import in_line
from charloom.core.training.record import RATE as RECORDED_RATE
from charloom.core.training.record import RECORD, End, recording_lock, spool
from charloom.tracking.spool import FILES, RATE, Started, StudyContents, Tracked

Content = Path | str | bytes  # a file to copy, or the content
CHECKSUMS = "SHA256SUMS"  # the list for `sha256sum -c`
UNKNOWN = -1  # see Entry.sent


class Entry:
    """The entry of a training or a study in the spool, as far as its record was read.

    Several trainings with the same results, one after the other, share an entry.

    folder, path  the entry's folder, and the file of its record
    size       bytes of the record that were read
    study      the study; None in a training's entry. A study's entry has no first, start, points, trainings and tracked
    first, start  the start of the first and of the last training
    points     (value, time in seconds since 1970) by (name, update), in the order of the record, without points later
               than the end of the first training with results
    trainings  the start and end of each training that ended with results
    end        the end of the last training; None while it runs, and if it was killed before it recorded its end
    tracked    the facts that the stage `track` has added; None before that
    sender     identity (see sender.py) of the sender that has to deliver the entry
    requests   number of requests for the delivery
    sent       number of points, from the first on, that need not be sent: the training's open run in MLflow has them,
               or the run is complete. UNKNOWN to a new sender, and after a failure
    """

    first: Started
    start: Started

    def __init__(self, folder: Path):
        """Read the record in the folder.

        Raises OSError if the record cannot be read, FileNotFoundError if it is missing or has no line yet, and
        ValueError if it names neither a training nor a study.
        """
        self.folder, self.path, self.size = folder, folder / RECORD, 0
        self.study: StudyContents | None = None
        self.points: dict[tuple[str, int], tuple[float, float]] = {}
        self.trainings: list[tuple[Started, End]] = []
        self.end: End | None = None
        self.tracked: Tracked | None = None
        self.sender, self.requests, self.sent = "", 0, UNKNOWN
        self.read()
        if not self.size:  # its process has created the file, and writes the first lines now
            raise FileNotFoundError(self.path)
        if not (self.study or hasattr(self, "first")):
            raise ValueError("the line that names the training is missing or damaged")

    @property
    def results(self) -> str | None:
        """Return the hash of results, or None if the training has no results yet."""
        return self.tracked.results if self.tracked else self.trainings[-1][1].results if self.trainings else None

    @property
    def can_complete(self) -> bool:
        """Return whether the entry is a study, or a training with files."""
        return bool(self.study or self.tracked)

    @property
    def has_ended(self) -> bool:
        """Return whether the last training of the record has ended or was killed; True for a study."""
        return bool(self.study or self.end) or not is_held(recording_lock(self.folder))

    @property
    def is_intact(self) -> bool:
        """Return whether the files match their checksums, and the record has as many points as `track` counted.

        Points with the name RATE are not counted. The result is False if the checksums or a file cannot be read.
        """
        with suppress(OSError):
            same = (self.folder / FILES / CHECKSUMS).read_bytes() == checksums(self.folder / FILES).encode()
            return same and (not self.tracked or self.tracked.points == sum(name != RATE for name, _ in self.points))
        return False

    def read(self) -> None:
        """Read the lines that were appended to the record since the last call.

        An incomplete last line is left for the next call. Damaged lines are skipped, with a warning. Raises OSError if
        the record cannot be read.
        """
        with self.path.open("rb") as file:
            file.seek(self.size)
            lines, end, _ = file.read().rpartition(b"\n")
        self.size += len(lines) + len(end)
        for line in filter(None, lines.split(b"\n")):
            try:
                self._add(unsealed(line))
            except (ValueError, AttributeError):  # a full disk truncates lines, too
                warn_once(str(self.path), f"{in_line(str(self.path))}: skipped damaged lines; MLflow may lack points")

    def _add(self, line: Any) -> None:
        match line:
            case [str() as name, int() as update, int() | float() as value, int() | float() as when]:
                name = RATE if name == RECORDED_RATE else name
                if not self.trainings or when <= self.trainings[0][1].ended:
                    self.points.setdefault((name, update), (float(value), float(when)))
            case {"record": _}:
                self.start, self.end = Started.model_validate(line), None
                self.first, self.sender = getattr(self, "first", self.start), self.start.sender
            case {"status": _}:
                self.end = End.model_validate(line)
                if self.end.results:
                    self.trainings.append((self.start, self.end))
            case {"question": _}:
                self.study = StudyContents.model_validate(line)
            case {"description": _}:
                self.tracked = Tracked.model_validate(line)
            case {"sender": str() as sender}:
                self.sender, self.requests = sender, self.requests + 1
            case _:
                raise ValueError("not a line of a record")

    def remove(self) -> bool:
        """Remove the entry's folder, unless the record has grown since it was read; return whether it was removed.

        The folder is renamed first, while nobody appends to the record: record and files disappear at the same moment,
        and a process that still writes then begins another entry. Raises OSError; FileNotFoundError if the entry was
        removed before.
        """
        removed = self.folder.with_name(f".{self.folder.name}")
        with open_locked(self.path):
            if self.path.stat().st_size > self.size:
                return False
            shutil.rmtree(removed, ignore_errors=True)  # left by a killed process
            self.path = self.folder.rename(removed) / RECORD  # not the record of an entry that is made now
        shutil.rmtree(removed, ignore_errors=True)
        return True


def entries(known: Mapping[Path, Entry] = {}) -> Iterator[Entry]:
    """Yield the entries in the spool, as their records are now. `known` has the entries of an earlier call, by folder.

    An entry is left out if its record has no line yet, or if it has just been delivered and removed. An entry is left
    out, with a warning, if its record is unreadable or has no start.
    """
    for folder in sorted(spool().glob("[!.]*/")):
        try:
            entry = known.get(folder) or Entry(folder)
            entry.read()
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            warn_once(str(folder), f"{in_line(str(folder / RECORD))}: not sent to MLflow: {reason}")
        else:
            yield entry


def put_files(entry: Path, files: Mapping[str, Content], check: Callable[[], None] = lambda: None) -> None:
    """Replace an entry's files by `files`, and write the list of checksums.

    entry  the entry's folder
    files  the contents by path in the folder FILES
    check  called when the new files are written, before they replace the old ones

    After an exception the entry keeps its old files. A process that is killed while it replaces them leaves an entry
    that is not intact. Raises OSError or Unavailable if a file cannot be written; FileNotFoundError if the
    entry's folder is missing.
    """
    new, old = entry / f".{FILES}.new", entry / FILES
    try:
        shutil.rmtree(new, ignore_errors=True)  # left by a killed process
        new.mkdir()
        for name, content in files.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copy(content, new / name)
            else:
                (new / name).write_bytes(content.encode() if isinstance(content, str) else content)
        write(new / CHECKSUMS, checksums(new))
        check()
        shutil.rmtree(old, ignore_errors=True)
        new.rename(old)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def checksums(folder: Path) -> str:
    """Return the list of checksums: a line with SHA-256 and path for every file in the folder, except the list."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file != folder / CHECKSUMS)
    return "".join(f"{sha256(file)}  {file.relative_to(folder)}\n" for file in files)
