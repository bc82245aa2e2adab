"""MLflow stores that work, and the many ways in which one does not. Servers listen on 127.0.0.1."""

import math
import os
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing, contextmanager, suppress
from email.utils import formatdate
from http.client import HTTPConnection
from pathlib import Path

from projects import Project, started, until, variables
from serving import Asked, answered, serving


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


class Server:
    """A real `mlflow server` on a database of its own."""

    def __init__(self, folder: Path):
        self.folder, self.port = folder, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.start()
        self._copy("server.db", "empty.db")

    def empty(self) -> None:
        """Give the server at work an empty database again."""
        self._copy("empty.db", "server.db")

    def _copy(self, name: str, target: str) -> None:
        with closing(sqlite3.connect(self.folder / name)) as old, closing(sqlite3.connect(self.folder / target)) as new:
            old.backup(new)

    def start(self) -> None:
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        self.process = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("mlflow")), "server", "--host", "127.0.0.1", "--port",
                str(self.port), "--workers", "1", "--backend-store-uri", f"sqlite:///{self.folder}/server.db",
                "--artifacts-destination", str(self.folder / "artifacts"),
            ],
            env=variables("MLFLOW_") | quiet,
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        until(self._answers, 90, 0.1)

    def _answers(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{self.uri}/health", timeout=1):  # noqa: S310  our own server
            return True
        return False

    def kill(self) -> None:
        if self.process.returncode is None:  # once is enough
            os.killpg(self.process.pid, 9)
            self.process.wait()


@contextmanager
def ui(project: Project, command: str = "charloom", **variables: str):
    """Open MLflow's pages by `charloom ui`; yield the process and the port."""
    port = free_port()
    process = started(project, command, "ui", "--port", str(port), **variables)
    try:
        until(lambda: "open http" in project.log(), 120, every=0.2)
        yield process, port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def answering(code: int, body: bytes = b"{}", seconds: float = 0):
    """Serve one answer to everything, after that many seconds; yield its address and the paths that were asked for."""
    paths: list[str] = []

    def answer(asked: Asked) -> list[bytes]:
        paths.append(asked.path)
        time.sleep(seconds)
        return answered(body, code)

    with serving(answer) as address:
        yield address, paths


def certified(file: Path) -> ssl.SSLContext:
    """Make a certificate of its own for 127.0.0.1, as a small group makes it, and return what a server needs."""
    options = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=group"
    options += " -addext subjectAltName=IP:127.0.0.1 -addext keyUsage=digitalSignature,keyCertSign -keyout -"
    made = subprocess.run(["openssl", "req", *options.split()], check=True, capture_output=True)
    file.write_bytes(made.stdout)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@contextmanager
def before(
    server: str,
    seconds: float = 0,
    fails: Callable[[int], bool] = lambda _: False,
    largest: float = math.inf,
    ahead: float = 0,
    secure: ssl.SSLContext | None = None,
    refused: tuple[str, int] = ("", 404),
):
    """Stand before a server: pass each request on after so many seconds, or answer 503 to those of these numbers.

    Yield the address and the requests, as `PUT /path`.

    largest  bytes of a request; a larger one is answered with 413
    ahead    seconds that its clock is ahead
    secure   of a server that speaks https
    refused  part of a path, and the code that answers requests of such paths: 404 as a server of long ago does
    """
    requests: list[str] = []

    def pass_on(asked: Asked) -> list[bytes]:
        requests.append(f"{asked.method} {asked.path.partition('?')[0]}")
        failed = 413 if len(asked.body) > largest else 503 if fails(len(requests)) else 0
        failed = refused[1] if refused[0] and refused[0] in asked.path else failed
        date = f"Date: {formatdate(time.time() + ahead, usegmt=True)}"
        time.sleep(seconds)
        if failed:
            return answered(b"<!doctype html>\n<title>no</title>\n", failed, [date])
        with closing(HTTPConnection(server.partition("//")[2], timeout=60)) as there:
            there.request(asked.method, asked.path, asked.body, asked.headers)
            answer = there.getresponse()
            own = {"transfer-encoding", "content-length", "connection", "date", "server"}
            headers = [f"{name}: {value}" for name, value in answer.getheaders() if name.lower() not in own]
            return answered(answer.read(), answer.status, [date, *headers])

    with serving(pass_on, secure) as address:
        yield address, requests
