"""The process that followed a training waits for its `track`: MLflow is imported there, which takes a second.

It listens at a socket in `.charloom`. Whoever asks says first who it is: with other sources, libraries, variables,
another folder or another store it is refused. Where nobody answers, or sending fails there, a new process does the
work: what is sent twice is there once.
"""

import json
import os
import socket
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout, suppress
from hashlib import sha256
from io import StringIO
from pathlib import Path

from charloom.base.errors import Unavailable
from charloom.base.opened import SOURCES
from charloom.settings.pipeline import OWN, root
from charloom.tracking.address import database, follow_folder
from charloom.tracking.apart import WHOLE, Call, apart, begun, limit_time, overdue, repeat_warnings

FUNCTION = "completion.send"
TRACK_MAY_TAKE = 60  # seconds, to come after the training has ended
ANSWER_MAY_TAKE = 1  # second, from a process that does nothing but wait
DIFFER = {"DVC_STAGE", "PYTHONPATH", "MALLOC_ARENA_MAX", "SHLVL", "_"}  # variables that differ always
READY = b"ready\n"


def identity() -> str:
    """Return what `train` and `track` have in common: to be asked before MLflow is imported, which sets variables."""
    variables = sorted((name, value) for name, value in os.environ.items() if name not in DIFFER)
    packages = Path(sysconfig.get_path("purelib")).stat().st_mtime_ns  # changes with each one installed
    sources = [(str(path), path.read_bytes()) for path in sorted(SOURCES.rglob("*.py")) if path.is_file()]
    return sha256(repr((sys.executable, packages, str(Path.cwd()), variables, sources)).encode()).hexdigest()


def wait_for_track(experiment: str, mine: str) -> None:
    """Wait for a `track` of this experiment whose identity is `mine`, and send for it what it puts into the outbox.

    Raises OSError where nobody comes, or a socket cannot be made here; what sending raises.
    """
    door, mine = _door(experiment), mine + _store_file()
    door.unlink(missing_ok=True)  # of a process that was killed
    with socket.socket(socket.AF_UNIX) as listening:
        try:
            listening.bind(str(door))
            listening.listen()
            listening.settimeout(TRACK_MAY_TAKE)
            while True:
                asker, _ = listening.accept()
                asker.settimeout(TRACK_MAY_TAKE)
                with asker, asker.makefile("rwb") as lines:
                    if lines.readline().decode().strip() == mine:
                        door.unlink(missing_ok=True)  # now: who takes too long is killed
                        lines.write(READY)
                        lines.flush()
                        lines.write(_send(lines.readline()))
                        return
        finally:
            door.unlink(missing_ok=True)


def _send(asked: bytes) -> bytes:
    """Send these folders, and be ended where nothing goes on; return in a line what was printed and said."""
    from charloom.tracking.completion import send  # noqa: PLC0415  `track` does not import MLflow

    seconds, *folders = json.loads(asked)
    limit_time(seconds)
    reason = ""
    with redirect_stdout(StringIO()) as printed, redirect_stderr(StringIO()) as said:
        try:
            send(*folders)
        except Unavailable as error:
            reason = str(error)
    return json.dumps([printed.getvalue(), said.getvalue(), reason]).encode() + b"\n"


def sender(experiment: str, seconds: int) -> AbstractContextManager[Call]:
    """Give what calls `completion.send` in the process that followed the training, or else in a new one."""
    asked = socket.socket(socket.AF_UNIX)
    asked.settimeout(ANSWER_MAY_TAKE)
    with suppress(OSError):
        asked.connect(str(_door(experiment)))
        asked.sendall(f"{identity()}{_store_file()}\n".encode())
        if asked.recv(len(READY)) == READY:
            return _asked(asked, seconds)
    asked.close()
    return begun(FUNCTION, seconds)


@contextmanager
def _asked(follower: socket.socket, seconds: int) -> Iterator[Call]:
    """Give what calls the function at the other end, and where that fails soon, in a new process.

    A connection of the other end's may have broken since, which a new one does not know.
    """

    def call(*arguments: str) -> str:
        follow_folder()
        began = time.monotonic()
        follower.settimeout(WHOLE * seconds)
        try:
            lines.write(json.dumps([seconds, *arguments]).encode() + b"\n")
            lines.flush()
            printed, said, reason = json.loads(lines.readline())
        except (OSError, ValueError):
            if time.monotonic() - began >= seconds:
                raise Unavailable(overdue(seconds)) from None
            return apart(FUNCTION, *arguments, seconds=seconds)
        sys.stdout.write(printed)
        repeat_warnings(said)
        if reason and time.monotonic() - began < seconds / 2:  # a connection of the follower's, say, may have broken
            return apart(FUNCTION, *arguments, seconds=seconds)
        if reason:
            raise Unavailable(reason)
        return ""

    with follower, follower.makefile("rwb") as lines:
        yield call


def _door(experiment: str) -> Path:
    """Return the socket's file, as short as it can be said: a socket's name has room for a hundred characters."""
    return Path(os.path.relpath(root() / OWN / f"{experiment[:12]}.socket"))


def _store_file() -> str:
    """Return what names the file of an SQLite store: one that was removed is written to without a word."""
    file = database()
    with suppress(OSError):
        return f" {file.stat().st_ino}" if file else ""
    return ""
