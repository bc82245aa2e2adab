"""Points on their way to MLflow while training runs, through a process of its own: no store can hold training up.

Nothing here waits: what the pipe does not take stays in memory, up to a limit. What does not arrive, `track` sends
from the files. A training shorter than MLflow's import gets no such process.
"""

import json
import os
import re
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from charloom.base.terminal import visible
from charloom.results.machine import process
from charloom.settings.params import Params

SHORT = 1.0  # seconds of training before the process is started
PATIENCE = 1.0  # seconds that it may take to send the last points
WAITING = 4_000_000  # bytes; a store that falls further behind is given up


class Live:
    """Takes points at any speed. The first failure of the store ends it with a warning."""

    def __init__(self, fingerprint: str, params: Params):
        """Take what names the run."""
        self.child: subprocess.Popen[bytes] | None = None
        self.over = False
        self.said = b""
        self.began = time.monotonic()
        self.waiting = bytearray()
        self._say({"fingerprint": fingerprint, "params": params.model_dump(), "process": process()})

    def point(self, name: str, step: int, value: float) -> None:
        """Take a point."""
        if self.child is None and not self.over and time.monotonic() - self.began > SHORT:
            self._start()
        self._say([name, step, value, time.monotonic()])

    def end(self, status: str) -> None:
        """Leave the run with this status. The process goes on for a while where it is not done within PATIENCE.

        A training that has failed or was stopped does not wait at all.
        """
        if self.child is None and status == "FAILED":
            self._start()  # no later stage would tell
        if self.child is None:
            return
        with suppress(BrokenPipeError):  # it may have ended
            os.write(self.verdict, status.encode())
        if not self.over:
            self._pass_on()
        deadline = time.monotonic() + (PATIENCE if status == "FINISHED" else 0)
        while not self.over and (left := deadline - time.monotonic()) > 0:
            if not self.waiting and self.child.stdin:
                self.child.stdin.close()  # that was all
            heard, takes, _ = select.select([self.ear], [self.mouth] if self.waiting else [], [], left)
            if takes:
                self._pass_on()
            elif heard:
                self._listen()
        if not self.over and self.said and status == "FINISHED":  # it is not still importing MLflow
            warn(f"no answer within {PATIENCE:g} s")
        self.over = True

    def _start(self) -> None:
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
        theirs, self.verdict = os.pipe()  # of its own: the other one may be full when all ends
        try:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "charloom.tracking.mirror", str(theirs)], env=environment, start_new_session=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, pass_fds=[theirs],
            )  # fmt: skip
        except OSError as error:
            self._give_up(str(error))
            return
        finally:
            os.close(theirs)
        self.mouth, self.ear = (stream.fileno() for stream in (self.child.stdin, self.child.stdout) if stream)
        os.set_blocking(self.mouth, False)

    def _say(self, message: Any) -> None:
        if self.over:
            return
        self.waiting += json.dumps(message).encode() + b"\n"
        if self.child is not None:
            self._pass_on()
        if len(self.waiting) > WAITING:
            self._give_up("it takes less than training gives")

    def _pass_on(self) -> None:
        """Write what the pipe takes."""
        try:
            while self.waiting:
                del self.waiting[: os.write(self.mouth, self.waiting)]
        except BlockingIOError:
            return
        except BrokenPipeError:
            while not self.over:  # it is ending, and has said why
                self._listen()

    def _listen(self) -> None:
        """Read what the process says; it says why before it ends, and nothing where all is sent."""
        heard = os.read(self.ear, 65536)
        self.said += heard
        if not heard:
            self._give_up(self.said.decode(errors="replace").strip())

    def _give_up(self, reason: str) -> None:
        self.over = True
        if reason:
            warn(reason)


def warn(reason: object) -> None:
    """Say in one line that the store was not reached."""
    sys.stderr.write(f"warning: MLflow not updated ({first_line(reason)}); `make track` sends it later\n")


def first_line(reason: object) -> str:
    """Return the reason's first line, without credentials: MLflow puts a store's whole address into its messages."""
    first = (str(reason).strip().splitlines() or [type(reason).__name__])[0]
    credentials = os.environ.get("MLFLOW_TRACKING_URI", "").partition("//")[2].rpartition("@")[0]
    for secret in (credentials, *(os.environ.get(f"MLFLOW_TRACKING_{name}") for name in ("PASSWORD", "TOKEN"))):
        if secret:
            first = first.replace(secret, "***")
    return visible(re.sub(r"//[^/\s]*@", "//***@", first))
