"""MLflow stores that work, and the many ways in which one does not. Servers listen on 127.0.0.1."""

import os
import socket
import sqlite3
import ssl
import subprocess
import time
from collections.abc import Callable
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

from projects import Project, started, until
from serving import Asked, answered, serving


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


def listening(port: int) -> bool:
    """Return whether a server of this machine listens at the port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


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
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        options += ["--backend-store-uri", f"sqlite:///{self.folder}/server.db"]
        options += ["--artifacts-destination", str(self.folder / "artifacts")]
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        self.process = started(Project(self.folder), "mlflow", "server", *options, **quiet)
        until(lambda: listening(self.port), 90, 0.1)

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
def answering(code: int, body: bytes):
    """Serve one answer to everything; yield the address, in a pair as `before` does."""
    with serving(lambda _: answered(body, code)) as address:
        yield address, []


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
    seconds: float = 0,  # that each request takes
    fails: Callable[[int], bool] = lambda _: False,  # numbers of requests that are answered with 503
    secure: ssl.SSLContext | None = None,  # of a server that speaks https
    refused: tuple[str, int] = ("", 404),  # part of a path, and the code that answers requests of such paths
    lost: tuple[str, ...] = (),  # ends of paths: the server executes such a request, and its answer is replaced by 503
):
    """Stand before a server, and pass requests on; yield the address and the requests, as `PUT /path`."""
    requests: list[str] = []

    def pass_on(asked: Asked) -> list[bytes]:
        requests.append(f"{asked.method} {asked.path.partition('?')[0]}")
        failed = 503 if fails(len(requests)) else 0
        failed = refused[1] if refused[0] and refused[0] in asked.path else failed
        time.sleep(seconds)
        if failed:
            return answered(b"<!doctype html>\n<title>no</title>\n", failed)
        with closing(HTTPConnection(server.partition("//")[2], timeout=60)) as there:
            there.request(asked.method, asked.path, asked.body, asked.headers)
            answer = there.getresponse()
            if asked.path.endswith(lost):
                return answered(answer.read(), 503)
            own = {"transfer-encoding", "content-length", "connection", "server"}
            headers = [f"{name}: {value}" for name, value in answer.getheaders() if name.lower() not in own]
            return answered(answer.read(), answer.status, headers)

    with serving(pass_on, secure) as address:
        yield address, requests
