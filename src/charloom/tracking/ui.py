"""MLflow's pages on this machine alone, opened where the runs are, with the columns that compare them."""

import os
import socket
import sys
from contextlib import closing
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, urlsplit

from charloom.base.errors import Unavailable, WrongInput
from charloom.base.storage import sha256
from charloom.base.terminal import in_line
from charloom.settings.params import read_params
from charloom.tracking.address import artifacts
from charloom.tracking.apart import apart
from charloom.tracking.catch_up import anything_waits, catch_up
from charloom.tracking.locations import follow_folder
from charloom.tracking.store import Store, connected
from charloom.tracking.view import VIEW

HOST = "127.0.0.1"
SECONDS = 45  # that a store may take to say which experiment is ours


def serve(port: int) -> None:
    """Print where the pages are, and serve them until the process ends; a server that is elsewhere serves its own.

    Raises WrongInput where the port cannot be had, Unavailable where the store cannot be reached.
    """
    follow_folder()
    store = Store()
    if not store.remote and not _free(port):
        raise WrongInput(f"--port: {port} is not allowed: it is in use")
    if anything_waits():
        print("sending to MLflow what waits", flush=True)
        try:
            catch_up()
        except Unavailable as error:
            print(error)
    page = apart("ui.print_page", seconds=SECONDS, answers=True).strip()
    if store.remote:
        server = urlsplit(store.uri)
        shown = server._replace(netloc=server.netloc.rpartition("@")[2], query="", fragment="").geturl()
        print(f"open {in_line(shown).rstrip('/')}/{page}")
        return
    print(f"open http://{HOST}:{port}/{page}\n(in a few seconds; Ctrl-C ends it)", flush=True)
    _server(store.uri, port)


def print_page() -> None:
    """Print which page shows the runs on this folder's text, as an address can hold it."""
    with connected() as store:
        text = Path(read_params().prepare.text)
        found = store.experiments.get(sha256(text) if text.is_file() else "")
        experiment = quote(str(found.experiment_id)[:100], safe="") if found else ""
    view = f"?workflowType=machine_learning&viewStateShareKey={VIEW}"
    print(f"#/experiments/{experiment}/runs{view}" if experiment else "#/experiments?workflowType=machine_learning")


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
    os.execv(command[0], [*command, "--artifacts-destination", artifacts()])  # noqa: S606  no shell
