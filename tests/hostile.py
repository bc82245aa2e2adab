"""A server that answers like MLflow until it misbehaves, to the byte. It listens on 127.0.0.1."""

import itertools
import json
import re
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

ARTIFACTS = "mlflow-artifacts:/0/a/artifacts"
MODEL = f"m-{'0' * 32}"


class Asked(NamedTuple):
    """A request, and the server's own address."""

    method: str
    path: str
    body: bytes
    address: str


Behaviour = Callable[[Asked], Iterable[bytes] | None]  # None: an answer of MLflow's


def answered(body: bytes | dict[str, Any], code: int = 200, headers: Iterable[str] = ()) -> list[bytes]:
    """Return a whole answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"HTTP/1.1 {code} answered", f"Content-Length: {len(content)}", "Connection: close", *headers]
    return ["\r\n".join([*head, "", ""]).encode(), content]


def endless(first: bytes, more: bytes) -> Iterator[bytes]:
    yield first
    yield from itertools.repeat(more)


def slowly(content: bytes) -> Iterator[bytes]:
    for byte in itertools.cycle(content):
        yield bytes([byte])
        time.sleep(1)


def without_end(*, headers: Iterable[str] = ()) -> bytes:
    """Return the beginning of an answer that says no length."""
    return "\r\n".join(["HTTP/1.1 200 answered", "Connection: close", *headers, "", ""]).encode()


class Mlflow:
    """What a store answers in which nothing was before: enough for a run to be sent and a model to be asked for."""

    def __init__(self, *, name: str = "a run", artifacts: str = ARTIFACTS, experiment: str = "0", text: str = ""):
        self.name, self.artifacts, self.experiment, self.text, self.tags = name, artifacts, experiment, text, []

    def __call__(self, asked: Asked) -> list[bytes]:
        endpoint = re.split("[?&]", asked.path.partition("/mlflow/")[2])[0]
        given = json.loads(asked.body or b"{}") if endpoint else {}
        if endpoint == "runs/create":
            self.tags = given["tags"]
        found = given.get("filter", "")
        model = {"info": {"model_id": MODEL, "experiment_id": "0", "artifact_uri": self.artifacts, "status": 1}}
        version = {"name": "x", "version": "1", "run_id": "a", "source": f"models:/{MODEL}", "model_id": MODEL}
        match endpoint:
            case "experiments/create":
                self.text = given["tags"][0]["value"]
                said = {"experiment_id": self.experiment}
            case "experiments/search":
                tags = [{"key": "charloom.text_sha256", "value": self.text}]
                said = {"experiments": [{"experiment_id": self.experiment, "tags": tags}] if self.text else []}
            case "runs/search":
                said = {"runs": [self._run()] if "` = '" in found else []}
            case "runs/create" | "runs/get":
                said = {"run": self._run()}
            case "runs/update":
                said = {"run_info": self._run()["info"]}
            case "logged-models/search":
                said = {"models": []}
            case "model-versions/search":
                said = {"model_versions": []}
            case "registered-models/alias" | "model-versions/create":
                said = {"model_version": version | {"tags": given.get("tags", [])}}
            case "model-versions/get-download-uri":
                said = {"artifact_uri": f"models:/{MODEL}"}
            case "registered-models/create" | "registered-models/get":
                said = {"registered_model": {"name": "x"}}
            case _:
                said = {"model": model} if endpoint.startswith("logged-models") else {}
        return answered(said)

    def _run(self) -> dict[str, Any]:
        info = {
            "run_id": "a", "run_uuid": "a", "experiment_id": "0", "run_name": self.name, "status": "RUNNING",
            "start_time": 1, "lifecycle_stage": "active", "artifact_uri": self.artifacts,
        }  # fmt: skip
        return {"info": info, "data": {"tags": self.tags}}


@contextmanager
def hostile(behaviour: Behaviour, otherwise: Behaviour):
    """Serve what the behaviour yields, piece by piece, until whoever asked has gone; yield the address."""
    over = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError, ValueError):
                method, path, _ = self.rfile.readline().decode("latin-1").split(" ", 2)
                length = 0
                while (line := self.rfile.readline().strip()) and b":" in line:
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                asked = Asked(method, path, self.rfile.read(length), address)
                pieces = behaviour(asked)
                for piece in otherwise(asked) if pieces is None else pieces:
                    if over.is_set():
                        return
                    self.connection.sendall(piece)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, block_on_close, request_queue_size = True, False, 64

        def handle_error(self, *_):
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield address
        finally:
            over.set()
            server.shutdown()


@contextmanager
def deaf():
    """Take connections into a queue that nobody looks at; yield the address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
