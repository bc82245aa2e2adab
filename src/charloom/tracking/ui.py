"""MLflow's pages on this machine alone, opened where the runs are, with the columns that compare them."""

import os
import socket
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from charloom.base.errors import Unavailable, WrongInput
from charloom.base.storage import sha256
from charloom.settings.params import read_params
from charloom.settings.pipeline import root
from charloom.tracking.browser import show
from charloom.tracking.catch_up import anything_waits, catch_up
from charloom.tracking.store import connected
from charloom.tracking.view import VIEW

HOST = "127.0.0.1"


def serve(port: int) -> None:
    """Print where the pages are, and serve them until the process ends; a server that is elsewhere serves its own.

    Raises WrongInput where the port cannot be had, Unavailable where the store cannot be reached.
    """
    if anything_waits():
        with suppress(Unavailable):
            catch_up()
    with connected() as store:
        text = Path(read_params().prepare.text)
        found = store.experiments.get(sha256(text) if text.is_file() else "")
    view = f"?workflowType=machine_learning&viewStateShareKey={VIEW}"
    page = f"#/experiments/{found.experiment_id}/runs{view}" if found else "#/experiments"
    if store.remote:
        server = urlsplit(store.uri)
        address = f"{server._replace(netloc=server.netloc.rpartition('@')[2]).geturl().rstrip('/')}/{page}"
        print(f"open {address}", flush=True)
        show(address)
        return
    if not _free(port):
        other = next(filter(_free, range(5001, 2**16)))
        raise WrongInput(f"port {port} is in use; `make ui PORT={other}` or `charloom ui --port {other}` takes another")
    address = f"http://{HOST}:{port}/{page}"
    print(f"open {address}\n(in a few seconds; Ctrl-C ends it)", flush=True)
    show(address)
    _server(store.uri, port)


def _free(port: int) -> bool:
    with closing(socket.socket()) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except OSError:
            return False
    return True


def _server(store: str, port: int) -> NoReturn:
    """Become the server. The store's address goes through the environment: others can read a command line."""
    os.environ |= {"MLFLOW_BACKEND_STORE_URI": store, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    os.execv(command[0], [*command, "--artifacts-destination", str(root() / "mlartifacts")])  # noqa: S606  no shell
