"""Read the spool: a training's entry is parsed from its record. See results/spool.py for the format."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from charloom.base.sealed import unsealed
from charloom.base.terminal import in_line, warn_once
from charloom.results.machine import process_ended
from charloom.results.spool import RATE, RECORD, End, Start, Tracked, spool

STUDY = "study-"  # a study's folder is named study-QUESTION-IDENTITY, with the sender's identity


class Entry:
    """A training's entry in the spool, as far as its record was read.

    Several trainings with the same results, one after the other, share an entry.

    folder, path  the entry's folder, and the file of its record
    size       bytes of the record that were read
    first, start  the start of the first and of the last training
    points     (value, time in seconds since 1970) by (name, update), in the order of the record, without the points of
               repeated trainings
    trainings  the start and end of each training that ended with results
    end        the end of the last training; None while it runs, and if it was killed
    tracked    what the stage `track` has added about the files; None before
    sender     identity of the sender that is to deliver the entry
    requested  whether `charloom track` has requested the delivery
    """

    first: Start
    start: Start

    def __init__(self, folder: Path):
        """Read the record in the folder. Raises OSError if that fails, ValueError if the record has no start."""
        self.folder, self.path, self.size = folder, folder / RECORD, 0
        self.points: dict[tuple[str, int], tuple[float, float]] = {}
        self.trainings: list[tuple[Start, End]] = []
        self.end: End | None = None
        self.tracked: Tracked | None = None
        self.sender, self.requested = "", False
        self.read()
        if not hasattr(self, "first"):
            raise ValueError("the line that names the training is missing or damaged")

    @property
    def results(self) -> str | None:
        """Return the hash of results, or None if the training has no results yet."""
        return self.tracked.results if self.tracked else self.trainings[-1][1].results if self.trainings else None

    @property
    def has_ended(self) -> bool:
        """Return whether the last training of the record has ended or was killed."""
        return bool(self.end) or not self.start.process or process_ended(self.start.process)

    @property
    def has_all_points(self) -> bool:
        """Return whether the record has as many points as `track` counted; True before `track`."""
        return not self.tracked or self.tracked.points == sum(name != RATE for name, _ in self.points)

    def read(self) -> None:
        """Read the lines that were appended to the record since the last call.

        An incomplete last line is left for the next call. Damaged lines are skipped, with a warning.
        """
        with self.path.open("rb") as file:
            file.seek(self.size)
            lines, end, _ = file.read().rpartition(b"\n")
        self.size += len(lines) + len(end)
        for line in filter(None, lines.split(b"\n")):
            try:
                self._add(unsealed(line))
            except (ValueError, AttributeError):  # a full disk truncates lines, too
                warn_once(str(self.path), f"{in_line(str(self.path))}: damaged lines were skipped")

    def _add(self, line: Any) -> None:
        match line:
            case [str() as name, int() as update, int() | float() as value, int() | float() as when]:
                if not self.trainings or when <= self.trainings[0][1].ended:
                    self.points.setdefault((name, update), (float(value), float(when)))
            case {"experiment": _}:
                self.start, self.end = Start.model_validate(line), None
                self.first, self.sender = getattr(self, "first", self.start), self.start.sender
            case {"status": _}:
                self.end = End.model_validate(line)
                if self.end.results:
                    self.trainings.append((self.start, self.end))
            case {"description": _}:
                self.tracked = Tracked.model_validate(line)
            case {"sender": str() as sender}:
                self.sender, self.requested = sender, True
            case _:
                raise ValueError("not a line of a record")


def folders() -> list[Path]:
    """Return the folders of all entries, of trainings and of studies, in the spool."""
    return sorted(spool().glob("[!.]*/"))


def is_study(folder: Path) -> bool:
    """Return whether the entry in this folder of the spool is a study's."""
    return folder.name.startswith(STUDY)


def read_entry(folder: Path) -> Entry | None:
    """Return the training's entry in the folder.

    Return None if the entry has just been delivered and removed; return None, after a warning, if its record is
    unreadable or has no start.
    """
    try:
        return Entry(folder)
    except FileNotFoundError:  # delivered at this moment
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        warn_once(str(folder), f"{in_line(str(folder / RECORD))}: skipped: {reason}")
        return None


def entries() -> Iterator[Entry]:
    """Yield the entries of the trainings in the spool, without unreadable ones."""
    return filter(None, map(read_entry, (folder for folder in folders() if not is_study(folder))))
