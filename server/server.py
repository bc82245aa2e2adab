"""A team's MLflow server: PostgreSQL in a folder, passwords, artifacts in a folder or in S3. `make server` starts it.

python server/server.py start SETTING=VALUE …   run until Ctrl-C; the next start continues with the same data
python server/server.py user NAME=ann …         add a user, or renew the password of one who exists
python server/server.py backup TO=FOLDER …      copy database, artifacts and settings while the server runs

Settings of all: DATA (a folder). Of `start`: HOST, PORT, NAMES (by which others reach it), ADDRESS (what they type, if
a proxy stands before it), ARTIFACTS (a folder or s3://…), UPGRADE=1 (after a newer MLflow was locked: a dump first,
then the tables), RESTORE (a backup, into a new DATA). Of `user`: NAME or FILE (one name per line), PERMISSION (EDIT or
READ), REMOVE=1, LIST=1.
"""

import configparser
import fcntl
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import database
import psutil
from people import EDIT, READ, TEAM, Refused, Server, ensure_name, names_in

GIVEN = {name: value for name, _, value in (argument.partition("=") for argument in sys.argv[2:])}
DATA = Path(GIVEN.get("DATA") or Path(__file__).with_name("data")).resolve()
HOST, PORT = GIVEN.get("HOST") or "127.0.0.1", GIVEN.get("PORT") or "5000"
NAMES = GIVEN.get("NAMES", "").replace(",", " ").split()
ARTIFACTS = GIVEN.get("ARTIFACTS") or str(DATA / "artifacts")
SETTINGS, LOG, POSTGRES, LOCK = (DATA / name for name in ("auth.ini", "mlflow.log", "postgres", "server.lock"))
LARGEST_PORT = 2**16 - 1
LONGEST = 75  # bytes of DATA's path: with a longer name PostgreSQL's socket would lie where everybody can reach it
END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_MAY_TAKE = 120  # seconds
SECONDS_BETWEEN_LOOKS = 1.0
FAILURES = (  # pgserver raises AssertionError if PostgreSQL does not start
    OSError, RuntimeError, ValueError, AssertionError, configparser.Error, subprocess.SubprocessError, psutil.Error,
)  # fmt: skip
ADDRESS = GIVEN.get("ADDRESS") or f"http://{NAMES[0] if NAMES else HOST}:{PORT}"
LOCAL = f"http://{'127.0.0.1' if HOST == '0.0.0.0' else HOST}:{PORT}"  # noqa: S104  requested by the user
MLFLOW = [sys.executable, "-m", "mlflow"]
REPEATED = (word for word in sys.argv[2:] if not word.startswith(("UPGRADE=", "RESTORE=")))
RESTART = shlex.join(["make", "server", *REPEATED])
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # send no usage data
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",  # a redirect could carry the owner's password elsewhere
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}


def refuse(line: str, code: int = 2) -> NoReturn:
    """Print the line to standard error, and exit with the code.

    The code is 2 for wrong input, 5 if DATA is in use or its PostgreSQL does not run, and 1 if a request failed.
    """
    sys.stderr.write(f"{line}\n")
    sys.exit(code)


def write_settings(uri: str) -> configparser.SectionProxy:
    """Complete auth.ini, write the file atomically and return its section. An existing password stays.

    uri  the address of the database

    Only the server's user may read the file, because it contains the owner's password.
    """
    settings = read_settings()
    settings.setdefault("admin_username", "admin")
    settings.setdefault("admin_password", secrets.token_urlsafe(18))
    settings.setdefault("secret_key", secrets.token_urlsafe(32))  # signs the forms of the pages
    settings.setdefault("default_permission", READ)  # users with EDIT have a role: see people.py
    settings.setdefault("auth_cache_ttl_seconds", "60")  # without it, each password check costs a second
    settings["database_uri"] = uri  # changes if the folder was moved
    settings["charloom_address"], settings["charloom_local"] = ADDRESS, LOCAL  # for `user`
    settings["charloom_artifacts"] = ARTIFACTS  # for `backup`
    new = SETTINGS.with_suffix(".new")
    with new.open("w") as file:
        settings.parser.write(file)
    new.replace(SETTINGS)
    return settings


def read_settings() -> configparser.SectionProxy:
    """Return the section `mlflow` of auth.ini. It is empty if the file is missing."""
    parser = configparser.RawConfigParser()
    parser.read_dict({"mlflow": {}})
    parser.read(SETTINGS)
    return parser["mlflow"]


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
    secret = write_settings(uri)["secret_key"]
    hosts = [f"{host}{end}" for host in ("localhost", "127.0.0.1", HOST, *NAMES) for end in ("", ":*")]
    variables = QUIET | {
        "MLFLOW_AUTH_CONFIG_PATH": str(SETTINGS),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secret,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # extra processes for an unused feature
    }
    with LOG.open("wb") as log:
        server = subprocess.Popen(
            [
                *MLFLOW, "server", "--app-name", "basic-auth", "--host", HOST, "--port", PORT, "--workers", "1",
                "--backend-store-uri", uri, "--artifacts-destination", ARTIFACTS,
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
    last = "; ".join(LOG.read_text(errors="replace").splitlines()[-3:])
    raise RuntimeError(f"MLflow does not start: {last}; its log: {LOG}")


def start() -> None:
    """Check the settings, then run the server until a signal. Exit with 2 if a setting is not allowed.

    Exit with 5 if DATA is in use. Raises as `run` does.
    """
    began = time.monotonic()
    if HOST == "0.0.0.0" and not NAMES:  # noqa: S104  requested by the user
        refuse(f"HOST={HOST}: NAMES must name this server: `make server HOST={HOST} NAMES=mlflow.example.org`")
    if not re.fullmatch(r"[\w./-]+", str(DATA)) or len(os.fsencode(DATA)) > LONGEST:
        refuse(f"DATA={DATA}: allowed are letters, digits, _, -, . and /, at most {LONGEST} bytes")
    if not PORT.isdecimal() or int(PORT) > LARGEST_PORT:
        refuse(f"PORT={PORT} is not allowed; allowed is a whole number up to {LARGEST_PORT}")
    os.umask(0o077)  # only the server's user may read passwords, runs and logs
    source = Path(GIVEN["RESTORE"]).resolve() if GIVEN.get("RESTORE") else None
    if source and not all((source / name).is_file() for name in (database.DUMP, SETTINGS.name)):
        refuse(f"RESTORE={source}: {database.DUMP} or {SETTINGS.name} is missing; `make server-backup` makes a backup")
    if source and DATA.exists() and (SETTINGS.exists() or not LOCK.exists()):  # a killed restore leaves the lock
        refuse(f"DATA={DATA}: exists already; RESTORE needs a new folder as DATA")
    for number in END_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # `nohup` ignores SIGHUP
            signal.signal(number, lambda *_: sys.exit(0))
    with data_lock() as lock:
        ensure_free_port()
        guard = database.Guard(POSTGRES, lock)
        try:
            run(began, guard, source)
        finally:
            for number in END_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            guard.end()
            print(f"the server has ended; `{RESTART}` continues with the same data", flush=True)


def ensure_free_port() -> None:
    """Exit with 2 if the server cannot listen on HOST and PORT, for example because another program does."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, int(PORT)))
        except OSError as error:
            reason = f"{error.strerror};"
            refuse(f"HOST={HOST} PORT={PORT}: {reason} check HOST, or `make server PORT=5001` uses another port")


@contextmanager
def data_lock() -> Iterator[int]:
    """Hold the lock of DATA, and yield the lock's file descriptor.

    Exit with 5, with the number of the other process, if another server holds the lock.

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
            refuse(f"DATA={DATA}: {reason}", 5)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield file.fileno()


def run(began: float, guard: database.Guard, source: Path | None) -> None:
    """Start PostgreSQL and MLflow. Restart PostgreSQL if it ends; raise RuntimeError if MLflow ends.

    began   the start of this program, in seconds of time.monotonic()
    source  the folder of the backup to restore first, or None

    Raises subprocess.SubprocessError, OSError or AssertionError if PostgreSQL, a restore or an upgrade fails.
    """
    print(f"starting PostgreSQL, its files in {POSTGRES}", flush=True)
    if source:  # a killed restore may have left these folders; the settings are written last
        for folder in (POSTGRES, DATA / "artifacts"):
            shutil.rmtree(folder, ignore_errors=True)
    postgres = database.start(POSTGRES)
    if postgres.system_user:
        print(f"PostgreSQL does not run as root: it runs as the user {postgres.system_user}", flush=True)
    uri = postgres.get_uri(driver="psycopg")
    if source:
        database.restore(POSTGRES, source / database.DUMP)
        if (source / "artifacts").is_dir():
            shutil.copytree(source / "artifacts", DATA / "artifacts")
        new = SETTINGS.with_suffix(".new")
        shutil.copy(source / SETTINGS.name, new)
        new.replace(SETTINGS)
        print(f"restored {source}", flush=True)
    if GIVEN.get("UPGRADE") == "1":
        upgrade(uri)
    print(f"starting MLflow, its log in {LOG}", flush=True)
    server = start_mlflow(uri, guard)
    data = f" DATA={GIVEN['DATA']}" if GIVEN.get("DATA") else ""
    seconds = time.monotonic() - began
    print(PAGE.format(seconds=seconds, address=ADDRESS, data=data, folder=DATA, pid=os.getpid()), flush=True)
    while server.poll() is None:
        time.sleep(SECONDS_BETWEEN_LOOKS)
        if not database.running(POSTGRES):
            print("PostgreSQL has ended; restarting it", flush=True)
            database.ensure_running(postgres)
            print("PostgreSQL is running again; no recorded data was lost", flush=True)
    raise RuntimeError(f"MLflow has ended; see {LOG}")


PAGE = """\
ready after {seconds:.0f} s: {address}

add a user, in another terminal:   make server-user NAME=ann{data}
back up the running server:        make server-backup TO=FOLDER{data}
all data is in:                    {folder} (the artifacts in ARTIFACTS, if you set it)

Ctrl-C ends it, or `kill {pid}`.
"""
LOGIN = """\
{name} {state}. {name} types these lines, or puts them into the shell's profile:

    export MLFLOW_TRACKING_URI={address}
    export MLFLOW_TRACKING_USERNAME={name}
    export MLFLOW_TRACKING_PASSWORD={password}

`charloom doctor` then checks the connection. The password is shown once; the same command again sets a new password.
"""
CLASS_LOGIN = """\

Each user types these lines, with their own name and password:

    export MLFLOW_TRACKING_URI={address}
    export MLFLOW_TRACKING_USERNAME=NAME
    export MLFLOW_TRACKING_PASSWORD=PASSWORD

A password is shown once; `make server-user NAME=…` sets a new password.
"""


def settings_of_started_server() -> configparser.SectionProxy:
    """Return the section of auth.ini. Exit with 2 if no server was started with this DATA before."""
    if "charloom_local" not in (settings := read_settings()):
        refuse(f"{SETTINGS}: missing or incomplete; `make server` creates it; if you gave DATA= to `make server`, "
               "give the same DATA= here")  # fmt: skip
    return settings


def user() -> None:
    """Add, change, remove or list users, and print their login settings."""
    permission = GIVEN.get("PERMISSION") or EDIT
    if permission not in {READ, EDIT}:
        refuse(f"PERMISSION={permission} is not allowed; allowed is {EDIT} or {READ}")
    names = names_in(Path(GIVEN["FILE"])) if GIVEN.get("FILE") else [GIVEN.get("NAME", "")]
    for name in [] if GIVEN.get("LIST") == "1" else names:
        ensure_name(name)
    settings = settings_of_started_server()
    server, address = Server(settings), settings["charloom_address"]
    if permission == READ and settings["default_permission"] in {EDIT, "MANAGE"}:
        refuse(f"{SETTINGS}: default_permission = {settings['default_permission']} applies to all users: set it to "
               "READ, restart the server, and run `make server-user` for each user who needs EDIT")  # fmt: skip
    users = server.roles()
    if GIVEN.get("LIST") == "1":
        for name, roles in sorted(users.items()):
            permission = EDIT if TEAM in roles else settings["default_permission"]  # other roles: own experiments
            print(f"{name:24} {'owner' if name == settings['admin_username'] else permission}")
        return
    if GIVEN.get("REMOVE") == "1":
        if unknown := [name for name in names if name not in users]:
            refuse(f"NAME={unknown[0]}: no such user; `make server-user LIST=1` lists them")
        for name in names:
            server.remove(name)
            print(f"removed {name}; their runs stay")
        return
    if not GIVEN.get("FILE"):
        (name,) = names
        state = f"{'exists, and has a new password' if name in users else 'is a user now'}, with {permission}"
        password = server.let_in(name, permission, users.get(name))
        print(LOGIN.format(name=name, state=state, address=address, password=password), end="")
        return
    print(f"{'name':24} password")
    for name in names:
        password = server.let_in(name, permission, users.get(name), keep_password=True)
        print(f"{name:24} {password or '(as before)'}", flush=True)
    print(CLASS_LOGIN.format(address=address), end="")


def backup() -> None:
    """Copy the database, the artifacts and the settings into the new folder TO, while the server runs.

    The default of TO is a folder beside DATA, with the time in its name. Artifacts that are not in a local folder, as
    in S3, are not copied. Exit with 5 if PostgreSQL does not run, and with 2 if TO is not allowed.

    The dump comes first: the artifacts that it names exist already, so the copy contains them.
    """
    artifacts = Path(settings_of_started_server()["charloom_artifacts"])
    if not database.running(POSTGRES):
        refuse(f"DATA={DATA}: PostgreSQL does not run; `make server` starts it", 5)
    target = Path(
        GIVEN.get("TO") or DATA.with_name(f"{DATA.name}-backup-{datetime.now(UTC):%Y-%m-%d-%H%M%S}")
    ).resolve()
    if target.exists() or target.is_relative_to(DATA):
        refuse(f"TO={target} is not allowed; allowed is a new folder outside {DATA}")
    os.umask(0o077)
    new = target.with_name(f".{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    database.dump(POSTGRES, new / database.DUMP)
    shutil.copy(SETTINGS, new)
    if artifacts.is_dir():
        shutil.copytree(artifacts, new / "artifacts")
    new.rename(target)
    missing = "" if artifacts.is_dir() else f"; the artifacts are not in it, because {artifacts} is no local folder"
    print(f"created {target}{missing}; `make server DATA=NEW RESTORE={target}` starts a server with it")


if __name__ == "__main__":
    os.environ |= dict.fromkeys(("NO_PROXY", "no_proxy"), "*")  # send no password to a proxy
    for switch in ("UPGRADE", "REMOVE", "LIST"):
        if GIVEN.get(switch, "") not in {"", "1"}:
            refuse(f"{switch}={GIVEN[switch]} is not allowed; allowed is 1")
    try:
        {"start": start, "user": user, "backup": backup}[sys.argv[1]]()
    except Refused as refused:
        refuse(str(refused), refused.code)
    except FAILURES as failed:
        sys.stderr.write(" ".join(f"{failed}".split()) + "\n")
        sys.exit(1)
