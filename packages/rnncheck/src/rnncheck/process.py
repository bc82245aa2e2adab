"""A program in a process of its own, which has limits of time, output and memory, and is killed with its children."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from rnncheck import child

MEMORY = 2 << 30  # bytes, of the process and its children
OUTPUT = 1 << 26  # bytes of an answer
LARGEST_FILE, FILES = 5 << 20, 500  # what is copied beside a program
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR")
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
FIXED = {"MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"} | dict.fromkeys(THREADS, "1")


class Unreadable(Exception):
    """A part cannot be graded: it is not defined, it fails, or it does not return what grade's interface says."""


class Answer(NamedTuple):
    """The results of consecutive calls: their values, and the numbers of the arguments that each call changed.

    error      why there are no results, "" if there are some
    constants  m, K, seq_length and eta, as far as the program or its map has them
    """

    values: Sequence[Any]
    changed: Sequence[Sequence[int]]
    error: str
    constants: dict[str, float]


class Student:
    """A program in a temporary copy of its folder, and of its map: `with Student(...) as student`."""

    def __init__(self, program: Path, mapped: Path | None, seconds: float) -> None:
        """Copy the program, the files beside it, and its map. `seconds` limits the calls of a part."""
        self.program, self.mapped, self.seconds = program, mapped, seconds
        self.process: subprocess.Popen[bytes] | None = None
        self.hopeless = ""  # why the program cannot be loaded within the limits
        self.temporary = tempfile.TemporaryDirectory(prefix=child.PREFIX, ignore_cleanup_errors=True)
        self.job, beside = Path(self.temporary.name, "calls.json"), program.parent
        self.folder = Path(self.temporary.name).resolve() / "program"
        for file in islice([program, *beside.glob("*"), *beside.glob("*/*.py"), *beside.glob("*/*.txt")], FILES):
            with suppress(OSError):
                if file.is_file() and (file == program or file.stat().st_size <= LARGEST_FILE):
                    target = self.folder / file.relative_to(beside)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, target)
        self.map_name = mapped.name if mapped and mapped.name != program.name else "map.py"
        if mapped:
            shutil.copyfile(mapped, self.folder / self.map_name)

    def __enter__(self) -> "Student":
        """Return the student."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, and remove the copy."""
        self._end()
        self.temporary.cleanup()

    def call(self, part: str, *cases: list[list[Any]], maps: Sequence[str] = ()) -> list[Answer]:
        """Return an answer for each case, a list of the arguments of consecutive calls of the part.

        The program is loaded afresh for each case; each of `maps` is the text of the map for one case. Raises
        Unreadable if the part is not defined, or if the process ends or exceeds a limit; the next call then gets a new
        process.
        """
        content = [{"part": part, "calls": calls, "map": text} for calls, text in zip_longest(cases, maps)]
        self.job.write_text(json.dumps(content), encoding="utf-8")
        lines: list[bytes] = []
        if not self.hopeless:
            loading, reason = self.process is None, "the program ended the process that called it"
            for line in self._lines(len(cases) + loading):
                if isinstance(line, str):
                    reason = line
                elif not loading:
                    lines.append(line)
                loading = loading and isinstance(line, str)
            if len(lines) < len(cases):
                self._end()
                self.hopeless = f"while it was loaded: {reason}" if loading else ""
                raise Unreadable(self.hopeless or reason)
        if self.hopeless:
            raise Unreadable(self.hopeless)
        return list(map(_answer, lines))  # after the last line is read: a part that is not defined raises

    def _lines(self, count: int) -> Iterator[bytes | str]:
        """Send the calls; yield `count` lines of the process, fewer if it ends. A str says which limit it exceeded."""
        limits = [str(MEMORY), str(10 + int(10 * self.seconds))]  # the second ends it if nobody else is left to do so
        process = self.process = self.process or subprocess.Popen(
            [sys.executable, "-P", child.__file__, self.program.name, self.map_name if self.mapped else "", *limits],
            cwd=self.folder, env={n: os.environ[n] for n in KEPT if n in os.environ} | FIXED, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdin and process.stdout  # noqa: S101, PT018  for mypy
        with suppress(BrokenPipeError):
            process.stdin.write(f"{self.job}\n".encode())
            process.stdin.flush()
        data, started = bytearray(), time.monotonic()
        while count > 0:
            ready, _, _ = select.select([process.stdout], [], [], 0.05)
            block = os.read(process.stdout.fileno(), 1 << 20) if ready else b""
            data += block
            if b"\n" in block:
                *lines, data = data.split(b"\n")
                yield from map(bytes, lines[:count])
                count -= len(lines)
            elif ready and not block:
                return
            if time.monotonic() - started > self.seconds:
                yield f"stopped after {self.seconds:g} seconds"
                return
            if len(data) > OUTPUT or (not ready and sum(map(_memory, self._family())) > MEMORY):
                yield f"stopped: it needs more than {MEMORY >> 30} GB of memory, or returns too much"
                return

    def _family(self) -> list[psutil.Process]:
        """Return the process and its descendants."""
        with suppress(psutil.Error):
            first = psutil.Process(self.process.pid if self.process else 0)
            return [first, *first.children(recursive=True)]
        return []

    def _end(self) -> None:
        """Kill the process, its group and its descendants."""
        if self.process is not None:
            family = self._family()
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            for one in family[1:]:
                with suppress(psutil.Error):
                    one.kill()
            self.process.communicate()
            self.process = None


def _memory(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _answer(line: bytes) -> Answer:
    """Return the answer in a line of JSON. The program could have written anything, so the form is checked."""
    try:
        content = json.loads(line)
        constants = {name: float(value) for name, value in content["constants"].items()}
        results = content["results"]
        answer = Answer([r["value"] for r in results], [r["changed"] for r in results], content["error"], constants)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Answer([], [], "the answers of its process cannot be read", {})
    if content.get("missing"):
        raise Unreadable(answer.error)
    return answer
