"""The record of a training: a file to which the training appends its start, its points and its end.

The lines are a Start, the points as [name, update, value, time in seconds since 1970], and an End, in JSON, each with a
checksum (see storage.sealed). A resumed training appends another Start to the same record. A separate process, the
sender (tracking/sender.py), sends the record to MLflow. No result depends on the record. If the record cannot be
written, training continues.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from charloom.core.backend.by_numpy import network_digest
from charloom.core.base.errors import Unavailable
from charloom.core.base.signals import Stopped
from charloom.core.base.sources import SOURCES
from charloom.core.base.storage import append, exclusive, is_held
from charloom.core.config.params import EarlierParams, Params
from charloom.core.config.pipeline import CHARLOOM_FOLDER, root
from charloom.core.config.records import Schema
from charloom.core.runtime.provenance import commit, machine, or_unknown, sender_identity

RECORD = "run.jsonl"
RATE = "characters_per_second"
SHORT = 1.0  # seconds of training before the sender is started: its imports take longer
STARTING_MAY_TAKE, SECONDS_BETWEEN_RATES = 10.0, 2.0  # until a sender holds its lock; between two rates


class Start(Schema, extra="ignore"):  # earlier versions wrote more keys
    """The start of a training: params, text, time and machine.

    record          a random name; the first Start's name identifies the record
    sender          the identity of the sender that has to send the record: see provenance.sender_identity
    text_sha256     SHA-256 of the text
    params          all params
    started         seconds since 1970
    machine         processor, system and versions: see provenance.machine
    commit          the Git commit, or a DVC experiment's baseline commit; empty in a repository without a commit;
                    `unknown: ` and the reason if Git fails
    dvc_experiment  the name of the DVC experiment; empty outside an experiment
    network         see ResultsRecord
    """

    record: str
    sender: str
    text_sha256: str
    params: EarlierParams
    started: float
    machine: dict[str, str]
    commit: str
    dvc_experiment: str
    network: str = ""


class End(Schema):
    """The end of a training.

    status   FINISHED, KILLED (a signal stopped it) or FAILED
    ended    seconds since 1970
    results  the hash of the results; None unless FINISHED
    """

    status: str
    ended: float
    results: str | None


class Recording(AbstractContextManager["Recording"]):
    """The record of a running training, for a `with` block.

    The process holds the record's lock in the block. After the block an End is appended to the record. The caller sets
    `results`, the hash of the results, in the block, unless an exception ends the block.
    """

    def __init__(self, key: str, params: Params, text_sha256: str, send: Callable[[str], object] = lambda _: None):
        """Begin the record of a training that starts now.

        key   the training key: trainings with equal keys have equal results
        send  called with a sender's identity (see Start); starts this sender unless it runs; may raise OSError
        """
        network = network_digest(params.recipe.kind)
        self.start, self.characters = start_of(params, text_sha256, network), params.characters
        self.path = spool() / sha256(f"{key} {params.model_dump_json()}".encode()).hexdigest()[:24] / RECORD
        self.send = send
        self.results: str | None = None
        self.next_look, self.rated = time.monotonic() + SHORT, (-1, 0.0)
        self.lock = ExitStack()
        with suppress(Unavailable):
            self.lock.enter_context(exclusive(recording_lock(self.path.parent), "a training", 1))
        with suppress(OSError):
            append(self.path, [self.start], create=True)

    def points(self, points: Iterable[tuple[str, int, float]]) -> None:
        """Append points (name, update, value) with the present time, and start the sender if it does not run.

        Every SECONDS_BETWEEN_RATES a point RATE, the characters per second, is added. The sender is not started in the
        first SHORT seconds of a training.
        """
        now = round(time.time(), 3)
        lines = [(*point, now) for point in points]
        update = max((line[1] for line in lines), default=0)
        if lines and self.rated[0] < 0:
            self.rated = update, now
        elif lines and (seconds := now - self.rated[1]) >= SECONDS_BETWEEN_RATES:
            lines.append((RATE, update, (update - self.rated[0]) * self.characters / seconds, now))
            self.rated = update, now
        self._append(lines)
        if time.monotonic() > self.next_look:
            self.next_look = time.monotonic() + STARTING_MAY_TAKE
            self._send()

    def _send(self) -> None:
        with suppress(OSError):
            self.send(self.start["sender"])

    def _append(self, lines: Iterable[Any]) -> None:
        """Append the lines. If the sender has sent and removed the record, begin the record again with the Start."""
        with suppress(OSError):
            try:
                append(self.path, lines)
            except FileNotFoundError:
                append(self.path, [self.start, *lines], create=True)

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Append the End. If the training failed, start the sender, because no later stage runs and would start it."""
        status = "FINISHED" if error is None else "KILLED" if issubclass(error, Stopped) else "FAILED"
        end = End(status=status, ended=round(time.time(), 3), results=None if error else self.results)
        self._append([end.model_dump()])
        self.lock.close()
        if status == "FAILED":
            self._send()


def start_of(params: Params, text_sha256: str, network: str = "") -> dict[str, Any]:
    """Return the first line of a record, a Start, for a training that starts now. `network`: see ResultsRecord."""
    return {
        "record": uuid4().hex, "sender": sender_identity(),
        "text_sha256": text_sha256, "params": params.model_dump(),
        "started": round(time.time(), 3), "machine": machine(), "commit": or_unknown(commit),
        "dvc_experiment": os.environ.get("DVC_EXP_NAME", ""),
    } | ({"network": network} if network else {})  # fmt: skip


def spool() -> Path:
    """Return the spool, in the main repository: the folder of all that is not yet sent to MLflow."""
    return root() / CHARLOOM_FOLDER / "spool"


def recording_lock(entry: Path) -> Path:
    """Return the path of the lock that a training holds while it records to `entry`, a folder of the spool."""
    return root() / CHARLOOM_FOLDER / "recording" / f"{entry.name}.lock"


def sender_lock(name: str) -> Path:
    """Return the path of the lock that a process holds while it sends to MLflow.

    name  the identity of a sender, whose log is next to the lock file; or the name of a folder in the spool, for the
          process that sends this folder
    """
    return root() / CHARLOOM_FOLDER / "sender" / f"{name}.lock"


def start_sender(module: str, sender: str) -> bool:
    """Start the sender with this identity as a separate process, unless it runs; return whether it was started.

    module  the name of the Python module that is the sender's program
    sender  the identity: see provenance.sender_identity

    No process waits for the sender, so a slow MLflow server cannot delay training. The sender works in the main
    repository, because an experiment's folder may be removed. Raises OSError if its log cannot be written, or if no
    process can be started.
    """
    if is_held(lock := sender_lock(sender)):
        return False
    lock.parent.mkdir(parents=True, exist_ok=True)
    # Each thread that MLflow starts would map 64 MB for small objects of its own.
    variables = {"MALLOC_ARENA_MAX": "2"} | os.environ | {"PYTHONPATH": str(SOURCES), "DVC_ROOT": "."}
    with lock.with_suffix(".log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-P", "-m", module, sender], cwd=root(), env=variables,
            start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    return True
