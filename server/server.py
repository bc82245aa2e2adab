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

GIVEN = {name: value for name, _, value in (each.partition("=") for each in sys.argv[2:])}
DATA = Path(GIVEN.get("DATA") or Path(__file__).with_name("data")).resolve()
HOST, PORT = GIVEN.get("HOST") or "127.0.0.1", GIVEN.get("PORT") or "5000"
NAMES = GIVEN.get("NAMES", "").replace(",", " ").split()
ARTIFACTS = GIVEN.get("ARTIFACTS") or str(DATA / "artifacts")
SETTINGS, LOG, POSTGRES, LOCK = (DATA / name for name in ("auth.ini", "mlflow.log", "postgres", "server.lock"))
LARGEST_PORT = 2**16 - 1
LONGEST = 75  # characters of DATA: with a longer name PostgreSQL's socket would lie where everybody can reach it
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_MAY_TAKE = 120  # seconds
SECONDS_BETWEEN_LOOKS = 1.0
ADDRESS = GIVEN.get("ADDRESS") or f"http://{NAMES[0] if NAMES else HOST}:{PORT}"
LOCAL = f"http://{'127.0.0.1' if HOST == '0.0.0.0' else HOST}:{PORT}"  # noqa: S104  it is asked for
MLFLOW = [sys.executable, "-m", "mlflow"]
SAME = shlex.join(["make", "server", *(word for word in sys.argv[2:] if not word.startswith(("UPGRADE=", "RESTORE=")))])
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # nobody is told what runs here
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",  # a redirect could carry the owner's password elsewhere
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}


def refuse(line: str, code: int = 2) -> NoReturn:
    """Print the line and exit: 2 for wrong input, 5 for a folder in use."""
    sys.stderr.write(f"{line}\n")
    sys.exit(code)


def write_settings(uri: str) -> configparser.SectionProxy:
    """Complete auth.ini, write it and return it. Nobody else may read it: it holds the owner's password."""
    found = read_settings()
    found.setdefault("admin_username", "admin")
    found.setdefault("admin_password", secrets.token_urlsafe(18))
    found.setdefault("secret_key", secrets.token_urlsafe(32))  # signs what the pages' forms send
    found.setdefault("default_permission", READ)  # users with EDIT have a role: see people.py
    found.setdefault("auth_cache_ttl_seconds", "60")  # else each request costs a second, to check its password
    found["database_uri"] = uri  # the folder may lie elsewhere by now
    found["charloom_address"], found["charloom_local"] = ADDRESS, LOCAL  # for `user`
    found["charloom_artifacts"] = ARTIFACTS  # for `backup`
    new = SETTINGS.with_suffix(".new")  # the old one is there until this one is whole
    with new.open("w") as file:
        found.parser.write(file)
    new.replace(SETTINGS)
    return found


def read_settings() -> configparser.SectionProxy:
    """Return the section of auth.ini, empty if the file is missing."""
    found = configparser.RawConfigParser()
    found.read_dict({"mlflow": {}})
    found.read(SETTINGS)
    return found["mlflow"]


def upgrade(uri: str) -> None:
    """Dump the database to a file, then bring its tables to this MLflow's."""
    dump = DATA / f"before-{datetime.now(UTC):%Y-%m-%d-%H%M%S}.sql"
    database.dump(POSTGRES, dump)
    print(f"dumped to {dump}", flush=True)
    subprocess.run([*MLFLOW, "db", "upgrade", uri], check=True, stdout=subprocess.DEVNULL)  # auth's: at its start


def started(uri: str, guard: database.Guard) -> subprocess.Popen[bytes]:
    """Start MLflow, and return when it answers. One worker: two do not fit onto two cores."""
    secret = write_settings(uri)["secret_key"]
    hosts = [f"{host}{end}" for host in ("localhost", "127.0.0.1", HOST, *NAMES) for end in ("", ":*")]
    variables = QUIET | {
        "MLFLOW_AUTH_CONFIG_PATH": str(SETTINGS),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secret,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # processes of their own, for what nobody here uses
    }
    with LOG.open("wb") as log:
        server = subprocess.Popen(
            [
                *MLFLOW, "server", "--app-name", "basic-auth", "--host", HOST, "--port", PORT, "--workers", "1",
                "--backend-store-uri", uri, "--artifacts-destination", ARTIFACTS,
                "--allowed-hosts", ",".join(hosts),
                # Of its own pages, too: a browser names where a page came from.
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
    raise RuntimeError(f"MLflow does not start: {last}; all it says: {LOG}")


def start() -> None:
    """Check the settings, then run the server until a signal."""
    began = time.monotonic()
    if HOST == "0.0.0.0" and not NAMES:  # noqa: S104  it is asked for
        refuse(f"HOST={HOST}: NAMES has to say how others reach it: `make server HOST={HOST} NAMES=mlflow.example.org`")
    if not re.fullmatch(r"[\w./-]+", str(DATA)) or len(os.fsencode(DATA)) > LONGEST:
        refuse(f"DATA={DATA}: PostgreSQL takes letters, digits, _, -, . and /, at most {LONGEST} of them")
    if not PORT.isdecimal() or int(PORT) > LARGEST_PORT:
        refuse(f"PORT={PORT} is not allowed: a whole number up to {LARGEST_PORT}")
    os.umask(0o077)  # passwords, runs and logs are nobody else's
    source = Path(GIVEN["RESTORE"]).resolve() if GIVEN.get("RESTORE") else None
    if source and not all((source / name).is_file() for name in (database.DUMP, SETTINGS.name)):
        refuse(f"RESTORE={source}: no {database.DUMP} and {SETTINGS.name} in it; `make server-backup` makes a backup")
    if source and DATA.exists() and (SETTINGS.exists() or not LOCK.exists()):  # a killed restore leaves the lock
        refuse(f"DATA={DATA}: exists already; RESTORE= needs a new folder")
    for number in ENDS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup: a terminal may end
            signal.signal(number, lambda *_: sys.exit(0))
    with alone() as lock:
        ensure_free_port()
        guard = database.Guard(POSTGRES, lock)
        try:
            run(began, guard, source)
        finally:
            for number in ENDS:
                signal.signal(number, signal.SIG_IGN)
            guard.end()
            print(f"ended; `{SAME}` goes on with the same data", flush=True)


def ensure_free_port() -> None:
    """Exit with 2 if another program listens on the port."""
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            free.bind((HOST, int(PORT)))
        except OSError as error:
            why = f"{error.strerror}; is another server running?"
            refuse(f"HOST={HOST} PORT={PORT}: {why} `make server PORT=5001` takes another port")


@contextmanager
def alone() -> Iterator[int]:
    """Hold the lock of DATA, and yield its file descriptor. Exit with 5, naming the process, if another server has it.

    It stays locked until everything that a server has started has ended: see database.Guard.
    """
    DATA.mkdir(parents=True, exist_ok=True)
    with LOCK.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read().strip() or "unknown"
            gone = pid.isdecimal() and not psutil.pid_exists(int(pid))
            what = "the server before it is still ending; try again" if gone else f"a server uses it, with pid {pid}"
            refuse(f"DATA={DATA}: {what}", 5)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield file.fileno()


def run(began: float, guard: database.Guard, source: Path | None) -> None:
    """Start PostgreSQL and MLflow, and watch both. Raises RuntimeError when MLflow has ended."""
    print(f"starting PostgreSQL, its files in {POSTGRES}", flush=True)
    if source:  # a killed restore may have left these two; the settings come last
        for folder in (POSTGRES, DATA / "artifacts"):
            shutil.rmtree(folder, ignore_errors=True)
    postgres = database.start(POSTGRES)
    if postgres.system_user:
        print(f"root may not run PostgreSQL: it runs as the user {postgres.system_user}", flush=True)
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
    server = started(uri, guard)
    data = f" DATA={GIVEN['DATA']}" if GIVEN.get("DATA") else ""
    seconds = time.monotonic() - began
    print(PAGE.format(seconds=seconds, address=ADDRESS, data=data, folder=DATA, pid=os.getpid()), flush=True)
    while server.poll() is None:
        time.sleep(SECONDS_BETWEEN_LOOKS)
        if not database.running(POSTGRES):
            print("PostgreSQL has ended; starting it again", flush=True)
            database.ensure_running(postgres)
            print("PostgreSQL answers again; nothing that was recorded is lost", flush=True)
    raise RuntimeError(f"MLflow has ended; why: {LOG}")


PAGE = """\
ready after {seconds:.0f} s: {address}

add a user, in another terminal:   make server-user NAME=ann{data}
copy everything, while it runs:    make server-backup TO=FOLDER{data}
where everything is:               {folder}

Ctrl-C ends it, or `kill {pid}`.
"""
TYPES = """\
{name} {done}. {name} types these lines, or has them in a file that the shell reads:

    export MLFLOW_TRACKING_URI={address}
    export MLFLOW_TRACKING_USERNAME={name}
    export MLFLOW_TRACKING_PASSWORD={password}

`charloom doctor` then says whether all is well. The password is shown once; the same command again makes a new one.
"""
CLASS = """\

Everybody types these lines, with their own name and password:

    export MLFLOW_TRACKING_URI={address}
    export MLFLOW_TRACKING_USERNAME=NAME
    export MLFLOW_TRACKING_PASSWORD=PASSWORD

A password is shown once; `make server-user NAME=…` makes a new one.
"""


def settings_of_started_server() -> configparser.SectionProxy:
    """Return the settings of a server that has been started. Exit with 2 if DATA has none."""
    if "charloom_local" not in (settings := read_settings()):
        refuse(f"{SETTINGS}: not there; `make server` makes it, and a server with a DATA= needs the same one here")
    return settings


def user() -> None:
    """Add, change, remove or list users, and print what they type."""
    permission = GIVEN.get("PERMISSION") or EDIT
    if permission not in {READ, EDIT}:
        refuse(f"PERMISSION={permission} is not allowed: {EDIT} or {READ}")
    names = names_in(Path(GIVEN["FILE"])) if GIVEN.get("FILE") else [GIVEN.get("NAME", "")]
    for name in [] if GIVEN.get("LIST") == "1" else names:
        ensure_name(name)
    settings = settings_of_started_server()
    server, address = Server(settings), settings["charloom_address"]
    if permission == READ and settings["default_permission"] in {EDIT, "MANAGE"}:
        refuse(f"{SETTINGS}: default_permission = {settings['default_permission']} holds for everybody: set READ, and "
               "`make server-user` for each who may write")  # fmt: skip
    users = server.roles()
    if GIVEN.get("LIST") == "1":
        for name, roles in sorted(users.items()):
            permission = EDIT if TEAM in roles else settings["default_permission"]  # other roles are of own experiments
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
        done = f"{'exists, and has a new password' if name in users else 'is a user now'}, with {permission}"
        password = server.let_in(name, permission, users.get(name))
        print(TYPES.format(name=name, done=done, address=address, password=password), end="")
        return
    print(f"{'name':24} password")
    for name in names:
        password = server.let_in(name, permission, users.get(name), keep_password=True)
        print(f"{name:24} {password or '(as before)'}", flush=True)
    print(CLASS.format(address=address), end="")


def backup() -> None:
    """Copy the database, the artifacts and the settings into a new folder, while the server runs.

    The dump comes first: artifacts that it names are there before it, so the copy holds them.
    """
    artifacts = Path(settings_of_started_server()["charloom_artifacts"])
    if not database.running(POSTGRES):
        refuse(f"DATA={DATA}: PostgreSQL does not run; `make server` starts it", 5)
    target = Path(
        GIVEN.get("TO") or DATA.with_name(f"{DATA.name}-backup-{datetime.now(UTC):%Y-%m-%d-%H%M%S}")
    ).resolve()
    if target.exists() or target.is_relative_to(DATA):
        refuse(f"TO={target} is not allowed: a new folder outside {DATA}")
    os.umask(0o077)
    new = target.with_name(f".{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    database.dump(POSTGRES, new / database.DUMP)
    shutil.copy(SETTINGS, new)
    if artifacts.is_dir():
        shutil.copytree(artifacts, new / "artifacts")
    new.rename(target)
    missing = "" if artifacts.is_dir() else f"; without artifacts: {artifacts} is no folder here"
    print(f"made {target}{missing}; `make server DATA=NEW RESTORE={target}` starts a server with it")


if __name__ == "__main__":
    os.environ |= dict.fromkeys(("NO_PROXY", "no_proxy"), "*")  # nothing here is for a proxy, passwords least of all
    for switch in ("UPGRADE", "REMOVE", "LIST"):
        if GIVEN.get(switch, "") not in {"", "1"}:
            refuse(f"{switch}={GIVEN[switch]} is not allowed: 1")
    try:
        {"start": start, "user": user, "backup": backup}[sys.argv[1]]()
    except Refused as refused:
        refuse(str(refused), refused.code)
    except (OSError, RuntimeError, ValueError, configparser.Error, subprocess.SubprocessError, psutil.Error) as failed:
        sys.stderr.write(" ".join(f"{failed}".split()) + "\n")
        sys.exit(1)
