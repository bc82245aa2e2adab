"""The spool: a folder, called an entry, for each training or study not yet sent to MLflow, in the main repository.

    .charloom/spool/<start of the experiment key>-<training key, or the results' hash if no training was recorded>/
        run.jsonl    the record of the training: lines of JSON, each sealed (see storage.sealed), only ever appended
        files/       artifacts, models and code that the stage `track` adds, with their SHA-256 in SHA256SUMS
    .charloom/spool/study-<digest of the study's question>/
        run.jsonl    the study: a StudyContents (see tracking/entries.py)
        files/       its tables and pages

A record begins with a Start. A line for each point follows: [name, update, value, time in seconds since 1970]. An End
says how the training ended. A resumed training appends another Start to the same record. `track` appends the points
that only the result files contain, and a Tracked. The first line with a name and an update counts, so a point has one
value and one time, and may be sent to MLflow any number of times.

The sender (tracking/sender.py) is a process of its own: it sends the entries and removes those that MLflow has.
`track` and `charloom track` read the spool to find the entry of a run. A line {"sender": identity} requests the
delivery by the sender with this identity.
"""

import fcntl
import os
import re
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Self
from uuid import uuid4

from charloom.base.opened import SOURCES
from charloom.base.signals import Stopped
from charloom.base.storage import is_held, sealed
from charloom.results.git import commit, known
from charloom.results.identity import EarlierParams, experiment_key, name_of
from charloom.results.machine import machine, process
from charloom.results.records import Record, TrainMetrics
from charloom.settings.params import Params
from charloom.settings.pipeline import OWN, root

RECORD, FILES = "run.jsonl", "files"
MODEL_FILE = "model.npz"  # a model's arrays, in its folder in MLflow
SHOWN_FILES, MODEL_CODE = "artifacts", "code"  # folders of FILES: what a run's page shows; the code of a served model
SERVED, PACKED = "served.py", "charloom.zip"  # files of MODEL_CODE: see tracking/served.py; the sources that it imports
RATE = "characters_per_second"
BEST, LAST = "lowest_smooth_loss", "last"  # names of models in MLflow; others are checkpoints
SHORT = 1.0  # seconds of training before the sender is started: its imports take longer
LOG_KEPT = 30 * 86400  # seconds since the last line in the log of a sender
STARTING_MAY_TAKE, SECONDS_BETWEEN_RATES = 10.0, 2.0  # until a sender holds its lock; between two rates
# Variables that say where, as whom and through what MLflow, its database and its artifacts are reached.
MATTERS = re.compile(
    "MLFLOW_(TRACKING|REGISTRY|WORKSPACE|S3|BOTO|GCS)|AWS_|AZURE_|GOOGLE_|PG[A-Z]+$|GIT_(AUTHOR|CONFIG)|HOME$|NETRC$|"
    "(HTTPS?|ALL|NO)_PROXY$|SSL_CERT_|(REQUESTS|CURL)_CA_BUNDLE$", re.IGNORECASE
)  # fmt: skip


class Start(Record):
    """The start of a training: params, text, time and machine.

    record          a random name; the first Start's name identifies the record
    sender          digest of the sender's environment: see `identity`
    experiment      the experiment key
    text_sha256     SHA-256 of the text
    name            the run's name: see identity.run_name
    params          all params
    started         seconds since 1970
    process         the training's process: see machine.process; empty if `track` writes the record, after the training
    machine         processor, system and versions: see machine.machine
    commit          the Git commit, or a DVC experiment's baseline commit; empty in a repository without a commit;
                    `unknown: ` and the reason if Git fails
    dvc_experiment  the name of the DVC experiment; empty outside an experiment
    """

    record: str
    sender: str
    experiment: str
    text_sha256: str
    name: str
    params: EarlierParams
    started: float
    process: str
    machine: dict[str, str]
    commit: str
    dvc_experiment: str


class End(Record):
    """The end of a training.

    status   FINISHED, KILLED (a signal stopped it) or FAILED
    ended    seconds since 1970
    results  the hash of the results; None unless FINISHED
    """

    status: str
    ended: float
    results: str | None


class Tracked(Record):
    """The facts about a run that `track` appends to the record.

    results       the hash of the results
    train         the metrics of the training
    tags          tags of the MLflow run
    models        number of updates of the best model, the last model and the checkpoints, by their names in MLflow,
                  which are also the names of the files in `models`
    description   the run's description in Markdown, without the list of trainings that MLflow shows below it
    points        number of points in the whole record, without rates (RATE)
    """

    results: str
    train: TrainMetrics
    tags: dict[str, str]
    models: dict[str, int]
    description: str
    points: int


class Recording:
    """The record of a running training, for a `with` block. If the record cannot be written, training goes on.

    At the end of the block the End is appended. If no exception ends the block, the caller sets `results` before.
    """

    def __init__(self, key: str, params: Params, text_sha256: str, module: str):
        """Begin the record of a training that starts now.

        key     the training key: trainings with equal keys have equal results
        module  the name of the sender's module
        """
        self.start, self.module = start_of(params, text_sha256, process()), module
        self.path = entry_folder(self.start.experiment, key) / RECORD
        self.results: str | None = None
        self.next_look, self.rated = time.monotonic() + SHORT, (-1, 0.0)
        with suppress(OSError):
            append(self.path, [self.start.model_dump()], create=True)

    def points(self, points: Iterable[tuple[str, int, float]]) -> None:
        """Append points (name, update, value) with the present time, and start the sender if it does not run.

        Every SECONDS_BETWEEN_RATES a point RATE, the characters per second, is added. The sender is not started in the
        first SHORT seconds of a training.
        """
        now = round(time.time(), 3)
        lines = [(*point, now) for point in points]
        if lines and self.rated[0] < 0:
            self.rated = lines[0][1], now
        elif lines and (seconds := now - self.rated[1]) >= SECONDS_BETWEEN_RATES:
            update, characters = lines[-1][1], self.start.params.characters
            lines.append((RATE, update, (update - self.rated[0]) * characters / seconds, now))
            self.rated = update, now
        self._append(lines)
        if time.monotonic() > self.next_look:
            self.next_look = time.monotonic() + STARTING_MAY_TAKE
            with suppress(OSError):
                start_sender(self.module, self.start.sender)

    def _append(self, lines: Iterable[Any]) -> None:
        """Append the lines. If the sender has sent and removed the record, begin it again with the Start."""
        with suppress(OSError):
            try:
                append(self.path, lines)
            except FileNotFoundError:
                append(self.path, [self.start.model_dump(), *lines], create=True)

    def __enter__(self) -> Self:
        """Return this object."""
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Append the End; start the sender if the training failed."""
        status = "FINISHED" if error is None else "KILLED" if issubclass(error, Stopped) else "FAILED"
        end = End(status=status, ended=round(time.time(), 3), results=None if error else self.results)
        self._append([end.model_dump()])
        if status == "FAILED":
            with suppress(OSError):
                start_sender(self.module, self.start.sender)  # no later stage would


def start_of(params: Params, text_sha256: str, process_name: str) -> Start:
    """Return the Start of a training that starts now.

    process_name  from machine.process; "" if `track` writes the record after the training
    """
    return Start(
        record=uuid4().hex, sender=identity(), experiment=experiment_key(params, text_sha256),
        text_sha256=text_sha256, name=name_of(params), params=params, started=round(time.time(), 3),
        process=process_name, machine=machine(), commit=known(commit),
        dvc_experiment=os.environ.get("DVC_EXP_NAME", ""),
    )  # fmt: skip


def append(path: Path, lines: Iterable[Any], *, create: bool = False) -> None:
    """Append the lines, sealed, to the record. Raises OSError; FileNotFoundError if the record is missing.

    create  whether a missing record is created, with its folder; the lines then begin with a Start or a StudyContents

    A newline comes first, because a killed process may have left an unfinished line.
    """
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
    with held(path, os.O_CREAT if create else 0) as file:
        file.write(("\n" + "".join(map(sealed, lines))).encode())


@contextmanager
def held(path: Path, flags: int = 0) -> Iterator[BinaryIO]:
    """Yield the record, open for appending, while no other process appends to it or removes its entry.

    flags  of os.open, besides those for appending

    Raises OSError; FileNotFoundError if the record is missing, also if its entry was removed before the lock was taken.
    """
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | flags, 0o666), "ab", 0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
            raise FileNotFoundError(f"{path}: another record has the name")
        yield file


def spool() -> Path:
    """Return the folder of all entries, in the main repository."""
    return root() / OWN / "spool"


def entry_folder(experiment: str, key: str) -> Path:
    """Return the folder of the entry of a training.

    experiment  the experiment key
    key         the training key; the hash of the results if no training was recorded
    """
    return spool() / f"{experiment[:12]}-{key[:16]}"


def identity() -> str:
    """Return a digest, 16 hexadecimal digits, of this environment: Python, libraries, sources, environment variables.

    An entry names the digest of the environment that began its record or last requested its delivery. A sender sends
    the entries that name its own digest. Only variables that affect sending (MATTERS) count.
    """
    state: list[Any] = sorted(variable for variable in os.environ.items() if MATTERS.match(variable[0]))
    packages = Path(sysconfig.get_path("purelib")).stat().st_mtime_ns  # changes when a package is installed
    state += [(str(path.relative_to(SOURCES)), path.read_bytes()) for path in sorted(SOURCES.rglob("*.py"))]
    return sha256(repr((sys.executable, packages, state)).encode()).hexdigest()[:16]


def sender_lock(sender: str) -> Path:
    """Return the lock file that a sender with this `identity` holds while it runs."""
    return root() / OWN / "sender" / f"{sender}.lock"


def start_sender(module: str, sender: str) -> None:
    """Start the sender as a separate process, unless it runs. Nobody waits for it: a slow store cannot delay training.

    module  the name of the sender's module
    sender  the `identity` of its environment

    The sender works in the main repository, because an experiment's folder may be removed. Old logs are removed: each
    version of the sources has a sender of its own. Raises OSError if the log cannot be written or no process can start.
    """
    lock = sender_lock(sender)
    if not is_held(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        for old in lock.parent.glob("*.log"):
            if time.time() - old.stat().st_mtime > LOG_KEPT:
                old.unlink(missing_ok=True)
        # Each thread that MLflow starts would map 64 MB for small objects of its own.
        variables = {"MALLOC_ARENA_MAX": "2"} | os.environ | {"PYTHONPATH": str(SOURCES), "DVC_ROOT": "."}
        with lock.with_suffix(".log").open("ab") as log:
            subprocess.Popen(
                [sys.executable, "-P", "-m", module, sender], cwd=root(), env=variables, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
