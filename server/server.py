"""A team's MLflow server: PostgreSQL in a folder, passwords, artifacts in a folder or in S3. `make server` starts it.

python server/server.py start SETTING=VALUE …   run until Ctrl-C; the next start continues with the same data
python server/server.py user NAME=ann …         add a user, or renew the password of one who exists
python server/server.py course TEXT=FILE …      make the experiment of a text, which then belongs to the server's owner
python server/server.py backup TO=FOLDER …      copy database, artifacts and settings while the server runs

Settings of all: DATA (a folder). Of `start`: HOST, PORT, NAMES (by which others reach it), ADDRESS (what they type, if
a proxy stands before it), ARTIFACTS (a folder or s3://…), UPGRADE=1 (after a newer MLflow was locked: a dump first,
then the tables), RESTORE (a backup, into a new DATA). Of `user`: NAME or FILE (one name per line), PERMISSION (EDIT or
READ), REMOVE=1, LIST=1, RENEW=1 (new passwords for all of FILE). Of `course`: TEXT, and those of `user`.
"""

import configparser
import fcntl
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import database
import psutil
from backup import backup, ensure_restorable, remove_unfinished, restore
from continuing import ensure_continuing
from course import course, restore_names
from errors import Refused
from settings import (
    ADDRESS,
    AUTH,
    DATA,
    EVERYWHERE,
    GIVEN,
    HOST,
    LOCAL,
    NAMES,
    PORT,
    POSTGRES,
    SOURCE,
    artifacts,
    ensure_known,
    write_auth,
)
from users import user

LOG, LOCK = DATA / "mlflow.log", DATA / "server.lock"
PORTS = range(1, 2**16)
LONGEST = 75  # bytes of DATA's path: with a longer name PostgreSQL's socket would lie where everybody can reach it
END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_MAY_TAKE = 120  # seconds
SECONDS_BETWEEN_LOOKS = 1.0
SHORTEST_PAUSE, LONGEST_PAUSE = 1, 60  # seconds before MLflow is restarted
FAILURES = (  # pgserver raises AssertionError if PostgreSQL does not start
    OSError, RuntimeError, ValueError, AssertionError, configparser.Error, subprocess.SubprocessError, psutil.Error,
)  # fmt: skip
MLFLOW = [sys.executable, "-m", "mlflow"]
REPEATED = (word for word in sys.argv[2:] if not word.startswith(("UPGRADE=", "RESTORE=")))
RESTART = shlex.join(["make", "server", *REPEATED])
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # send no usage data
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",  # a redirect could carry the owner's password elsewhere
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}
PAGE = """\
ready after {seconds:.0f} s: {address}

add a user, in another terminal:   make server-user NAME=ann{data}
back up the running server:        make server-backup TO=FOLDER{data}
all data is in:                    {folder} (the artifacts in ARTIFACTS, if you set it)

Ctrl-C ends it, or `kill {pid}`.
"""


def upgrade(uri: str) -> None:
    """Dump the database to a file in DATA, then migrate its tables to this version of MLflow.

    uri  the address of the database

    Raises subprocess.SubprocessError if the dump or the migration fails.
    """
    dump = DATA / f"before-{datetime.now(UTC):%Y-%m-%d-%H%M%S}.sql"
    database.dump(POSTGRES, dump)
    print(f"saved the database to {dump}", flush=True)
    subprocess.run([*MLFLOW, "db", "upgrade", uri], check=True, stdout=subprocess.DEVNULL)  # users: at its start


def start_mlflow(uri: str, guard: database.Guard) -> subprocess.Popen[bytes]:
    """Start MLflow with one worker, wait until it answers, and return its process. Raises RuntimeError if it fails."""
    secret = write_auth(uri)["secret_key"]
    hosts = [f"{host}{end}" for host in ("localhost", "127.0.0.1", HOST, *NAMES) for end in ("", ":*")]
    variables = QUIET | {
        "MLFLOW_AUTH_CONFIG_PATH": str(AUTH),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secret,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # extra processes for an unused feature
    }
    with LOG.open("ab") as log:
        server = subprocess.Popen(
            [
                *MLFLOW, "server", "--app-name", "basic-auth", "--host", HOST, "--port", PORT, "--workers", "1",
                "--backend-store-uri", uri, "--artifacts-destination", artifacts(),
                "--allowed-hosts", ",".join(hosts),
                # Including the server's own pages, because a browser sends the origin with each request.
                "--cors-allowed-origins", ",".join(f"{kind}://{host}" for kind in ("http", "https") for host in hosts),
            ],
            env=os.environ | variables, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    guard.watch(server.pid)
    end = time.monotonic() + READY_MAY_TAKE
    while time.monotonic() < end and server.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"{LOCAL}/health", timeout=2):  # noqa: S310  our own server
            return server
        time.sleep(0.2)
    with suppress(ProcessLookupError):  # it has ended; otherwise it would keep the port
        os.killpg(server.pid, signal.SIGKILL)
    last = "; ".join(LOG.read_text(errors="replace").splitlines()[-3:])
    raise RuntimeError(f"MLflow does not start: {last}; its log: {LOG}")


def start() -> None:
    """Check the settings, then run the server until a signal.

    Raises Refused if a setting is not allowed or DATA is in use; otherwise raises as `run` does.
    """
    began = time.monotonic()
    if HOST in EVERYWHERE and not NAMES:
        raise Refused(f"HOST={HOST}: NAMES must name this server: `make server HOST={HOST} NAMES=mlflow.example.org`")
    if not re.fullmatch(r"[\w./-]+", str(DATA)) or len(os.fsencode(DATA)) > LONGEST:
        raise Refused(f"DATA={DATA}: allowed are letters, digits, _, -, . and /, at most {LONGEST} bytes")
    if not PORT.isdecimal() or int(PORT) not in PORTS:
        raise Refused(f"PORT={PORT} is not allowed; allowed is a whole number from 1 to {PORTS[-1]}")
    os.umask(0o077)  # only the server's user may read passwords, runs and logs
    if SOURCE:
        ensure_restorable(SOURCE, LOCK)
    for number in END_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # `nohup` ignores SIGHUP
            signal.signal(number, lambda *_: sys.exit(0))
    ensure_continuing()
    with data_lock() as lock:
        ensure_free_port()
        guard = database.Guard(POSTGRES, lock)
        try:
            run(began, guard)
        finally:
            for number in END_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            guard.end()
            print(f"the server has ended; `{RESTART}` continues with the same data", flush=True)


def ensure_free_port() -> None:
    """Raise Refused if the server cannot listen on HOST and PORT, for example because another program does."""
    with socket.socket(socket.AF_INET6 if ":" in HOST else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, int(PORT)))
        except OSError as error:
            hint = "check HOST, or `make server PORT=5001` uses another port"
            raise Refused(f"HOST={HOST} PORT={PORT}: {error.strerror}; {hint}") from None


@contextmanager
def data_lock() -> Iterator[int]:
    """Hold the lock of DATA, and yield the lock's file descriptor.

    Raises Refused, with the number of the other process, if another server holds the lock.

    The guard inherits the lock, so it stays locked until all processes of the server have ended: see database.Guard.
    """
    DATA.mkdir(parents=True, exist_ok=True)
    with LOCK.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read().strip() or "unknown"
            ended = pid.isdecimal() and not psutil.pid_exists(int(pid))
            reason = "the last server is still ending; try again" if ended else f"process {pid} uses it; end it first"
            raise Refused(f"DATA={DATA}: {reason}", 5) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield file.fileno()


def run(began: float, guard: database.Guard) -> None:
    """Start PostgreSQL and MLflow, and restart each of them if it ends. MLflow is restarted after a pause.

    The pause doubles up to LONGEST_PAUSE, until MLflow has run for longer than that.

    began  the start of this program, in seconds of time.monotonic()

    Raises subprocess.SubprocessError, OSError or AssertionError if PostgreSQL, a restore or an upgrade fails, and
    RuntimeError if the first start of MLflow fails.
    """
    print(f"starting PostgreSQL, its files in {POSTGRES}", flush=True)
    if SOURCE:
        remove_unfinished()
    postgres = database.start(POSTGRES)
    if postgres.system_user:
        print(f"PostgreSQL does not run as root: it runs as the user {postgres.system_user}", flush=True)
    uri = postgres.get_uri(driver="psycopg")
    if SOURCE:
        restore(SOURCE)
        print(f"restored {SOURCE}", flush=True)
    if GIVEN.get("UPGRADE") == "1":
        upgrade(uri)
    print(f"starting MLflow, its log in {LOG}", flush=True)
    LOG.unlink(missing_ok=True)
    server, pause = start_mlflow(uri, guard), SHORTEST_PAUSE
    restore_names()
    started = time.monotonic()
    data = f" DATA={GIVEN['DATA']}" if GIVEN.get("DATA") else ""
    seconds = time.monotonic() - began
    print(PAGE.format(seconds=seconds, address=ADDRESS, data=data, folder=DATA, pid=os.getpid()), flush=True)
    while True:
        time.sleep(SECONDS_BETWEEN_LOOKS)
        if not database.running(POSTGRES):
            print("PostgreSQL has ended; restarting it", flush=True)
            database.ensure_running(postgres)
            print("PostgreSQL is running again; no recorded data was lost", flush=True)
        if server.poll() is not None:
            pause = SHORTEST_PAUSE if time.monotonic() - started > LONGEST_PAUSE else min(2 * pause, LONGEST_PAUSE)
            print(f"MLflow has ended (see {LOG}); restarting it in {pause} s", flush=True)
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)  # its worker may have survived, and hold the port
            time.sleep(pause)
            started = time.monotonic()
            try:
                server = start_mlflow(uri, guard)
                print("MLflow is running again; no recorded data was lost", flush=True)
            except RuntimeError as failed:
                print(failed, flush=True)


if __name__ == "__main__":
    os.environ |= dict.fromkeys(("NO_PROXY", "no_proxy"), "*")  # send no password to a proxy
    try:
        ensure_known()
        for switch in ("UPGRADE", "REMOVE", "LIST", "RENEW"):
            if GIVEN.get(switch, "") not in {"", "1"}:
                raise Refused(f"{switch}={GIVEN[switch]} is not allowed; allowed is 1")
        {"start": start, "user": user, "course": course, "backup": backup}[sys.argv[1]]()
    except Refused as refused:
        sys.stderr.write(f"{refused}\n")
        sys.exit(refused.code)
    except FAILURES as failed:
        sys.stderr.write(" ".join(f"{failed}".split()) + "\n")
        sys.exit(1)
