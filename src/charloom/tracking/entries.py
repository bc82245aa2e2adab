"""The spool as it is read: a training, from its record. See results/spool.py."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from charloom.base.sealed import unsealed
from charloom.base.terminal import in_line, warn_once
from charloom.results.machine import gone
from charloom.results.spool import RATE, RECORD, End, Start, Tracked, spool

STUDY = "study-"  # begins the name of a study's folder; the sender's identity ends it


class Entry:
    """A training in the spool, as far as its record was read.

    points     values and times by name and update, in the order of the record; none of a repetition
    trainings  those that ended with results
    end        None if the training is at work, or was killed
    asked      whether `charloom track` has asked for it
    """

    first: Start
    start: Start

    def __init__(self, folder: Path):
        """Read the record. Raises ValueError if it does not begin with a Start."""
        self.folder, self.path, self.size = folder, folder / RECORD, 0
        self.points: dict[tuple[str, int], tuple[float, float]] = {}
        self.trainings: list[tuple[Start, End]] = []
        self.end: End | None = None
        self.tracked: Tracked | None = None
        self.sender, self.asked = "", False
        self.read()
        if not hasattr(self, "first"):
            raise ValueError("a training's record begins with its start")

    @property
    def results(self) -> str | None:
        """Return the hash of the results, if there are any."""
        return self.tracked.results if self.tracked else self.trainings[-1][1].results if self.trainings else None

    @property
    def over(self) -> bool:
        """Return whether no training writes to the record any more."""
        return bool(self.end) or not self.start.process or gone(self.start.process)

    @property
    def is_whole(self) -> bool:
        """Return whether all points that `track` counted are there."""
        return not self.tracked or self.tracked.points == sum(name != RATE for name, _ in self.points)

    def read(self) -> None:
        """Read the lines that were added since. A last line that is not whole is left for later."""
        with self.path.open("rb") as file:
            file.seek(self.size)
            whole, end, _ = file.read().rpartition(b"\n")
        self.size += len(whole) + len(end)
        for line in filter(None, whole.split(b"\n")):
            try:
                self._take(unsealed(line))
            except (ValueError, AttributeError):  # a full disk cuts lines off, too
                warn_once(str(self.path), f"{in_line(str(self.path))}: damaged lines are left out")

    def _take(self, line: Any) -> None:
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
                self.sender, self.asked = sender, True
            case _:
                raise ValueError("no line of a record")


def folders() -> list[Path]:
    """Return the folders in the spool: of trainings, and of studies."""
    return sorted(spool().glob("[!.]*/"))


def is_study(folder: Path) -> bool:
    """Return whether the folder holds a study."""
    return folder.name.startswith(STUDY)


def read_entry(folder: Path) -> Entry | None:
    """Return the training; name one without a start in a warning."""
    try:
        return Entry(folder)
    except FileNotFoundError:  # delivered at this moment
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        warn_once(str(folder), f"{in_line(str(folder / RECORD))}: left out: {reason}")
        return None


def entries() -> Iterator[Entry]:
    """Yield the trainings in the spool."""
    return filter(None, map(read_entry, (folder for folder in folders() if not is_study(folder))))
