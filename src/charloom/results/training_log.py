"""The log of one training: lines of JSON, added while it runs. MLflow is fed from it, during training or later.

    .charloom/trainings/<experiment key>/<when it started>-<process number>.jsonl

The first line is the head (see Head). Each line after it is a point: [name, update, value, time in seconds since
1970]. The last line is the end (see End). A log without an end belongs to a training that is at work or was killed.
A log stays until MLflow has its points and has counted the training. A damaged line is left out (see base/sealed.py),
and named.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from charloom.base.sealed import sealed, unsealed
from charloom.base.signals import Stopped
from charloom.base.terminal import in_line, warn_once
from charloom.results.git import commit, known
from charloom.results.identity import EarlierParams, experiment_key, name_of
from charloom.results.machine import gone, machine, process
from charloom.results.records import Record
from charloom.settings.params import Params
from charloom.settings.pipeline import OWN, root

Point = tuple[str, int, float, float]
SHORT = 1.0  # seconds of training before MLflow is told at all: it takes longer to import
SOURCES = Path(__file__).parents[2]
Machine = Annotated[  # each of these
    dict[Annotated[str, Field(pattern="^(processor|system|python|numpy|numba)$")], str], Field(min_length=5)
]


class Head(Record):
    """What was trained, when, and where.

    experiment  the experiment key
    text_sha256 of the text
    name        says in what it differs from the committed params: see identity.run_name
    params      all of params.yaml
    started     seconds since 1970
    process     names the process among all that ever ran: see machine.process
    machine     processor, system and versions: see machine.machine
    commit      the Git commit; of a DVC experiment, its baseline
    dvc_experiment  the name that DVC gave, or an empty text
    """

    experiment: str
    text_sha256: str
    name: str
    params: EarlierParams
    started: float
    process: str
    machine: Machine
    commit: str
    dvc_experiment: str


class End(Record):
    """How a training ended: FINISHED with the hash of its results, KILLED or FAILED without."""

    status: str
    ended: float
    results: str | None


class Writer:
    """Adds to the log of a training at work. A log that cannot be written is no reason to stop a training."""

    def __init__(self, folder: Path, head: Head):
        """Begin the log in the folder."""
        self.path = folder / head.experiment / f"{head.started:.3f}-{os.getpid()}.jsonl"
        self.results: str | None = None
        self.began, self.followed = time.monotonic(), False
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self._add([head.model_dump()])

    def points(self, points: Iterable[tuple[str, int, float]]) -> None:
        """Add points: name, update and value of each. Their time is now."""
        now = round(time.time(), 3)
        self._add([*point, now] for point in points)
        if time.monotonic() - self.began > SHORT:
            self._follow()

    def end(self, status: str) -> None:
        """Add the end: FINISHED, KILLED or FAILED."""
        results = self.results if status == "FINISHED" else None
        self._add([End(status=status, ended=round(time.time(), 3), results=results).model_dump()])
        if status == "FAILED":
            self._follow()  # no later stage would tell MLflow

    def _follow(self) -> None:
        """Start, once, the process that tells MLflow. It is never waited for: no store can hold training up."""
        if not self.followed:
            self.followed = True
            with suppress(OSError):
                subprocess.Popen(
                    [sys.executable, "-P", "-m", "charloom.tracking.follower", str(self.path)],
                    env=os.environ | {"PYTHONPATH": str(SOURCES)}, start_new_session=True,
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )  # fmt: skip

    def _add(self, lines: Iterable[Any]) -> None:
        text = "".join(map(sealed, lines))
        with suppress(OSError), self.path.open("a", encoding="utf-8") as file:
            file.write(text)


@contextmanager
def training_log(folder: Path, params: Params, text_sha256: str) -> Iterator[Writer]:
    """Give a log to write to, and end it as the training ends. `results` has to be set where it ends well."""
    head = Head(
        experiment=experiment_key(params, text_sha256), text_sha256=text_sha256, name=name_of(params),
        params=params, started=round(time.time(), 3), process=process(), machine=machine(),
        commit=known(commit), dvc_experiment=os.environ.get("DVC_EXP_NAME", ""),
    )  # fmt: skip
    log = Writer(folder, head)
    try:
        yield log
    except Stopped:
        log.end("KILLED")
        raise
    except Exception:  # whatever it was, MLflow shows that this training failed
        log.end("FAILED")
        raise
    log.end("FINISHED")


class Log:
    """A log as far as it was read. `end` is None where there is none yet."""

    head: Head

    def __init__(self, path: Path):
        """Read what is there. Raises ValueError where that does not begin with a head."""
        self.path, self.size, self.rest = path, 0, b""
        self.points: list[Point] = []
        self.end: End | None = None
        self.read()
        if not hasattr(self, "head"):
            raise ValueError("a training's log begins with its head")

    def read(self) -> None:
        """Read the lines that were added since. A last one that is not whole is left for later."""
        with self.path.open("rb") as file:
            file.seek(self.size)
            whole, end, self.rest = file.read().rpartition(b"\n")
        self.size += len(whole) + len(end)
        for line in filter(None, whole.split(b"\n")):
            try:
                match unsealed(line):
                    case dict() as entry if "experiment" in entry:
                        self.head = Head.model_validate(entry)
                    case dict() as entry:
                        self.end = End.model_validate(entry)
                    case [str() as name, int() as update, int() | float() as value, int() | float() as when]:
                        self.points.append((name, update, value, when))
                    case _:
                        raise ValueError("neither a head, a point nor an end")
            except ValueError:  # a full disk cuts lines off, too
                _warn(self.path, "damaged lines are left out")


def logs_folder() -> Path:
    """Return the folder of logs, with a folder for each experiment."""
    return root() / OWN / "trainings"


def all_logs() -> list[Log]:
    """Return the logs of every experiment's trainings."""
    return logs_of(logs_folder(), "*")


def logs_of(folder: Path, experiment: str) -> list[Log]:
    """Return the logs of an experiment's trainings in the folder, the oldest first."""
    logs = []
    for path in sorted(folder.glob(f"{experiment}/*.jsonl")):
        try:
            log = Log(path)
        except FileNotFoundError:  # another process has removed it
            continue
        except (OSError, ValueError) as error:
            _warn(path, f"left out: {error.strerror if isinstance(error, OSError) else error}")
            continue
        if log.rest and gone(log.head.process):
            _warn(path, "its last line is cut off, and left out")
        logs.append(log)
    return logs


def _warn(path: Path, what: str) -> None:
    warn_once(str(path), f"{in_line(str(path))}: {what}")
