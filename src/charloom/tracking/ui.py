"""MLflow's pages on this machine alone, opened where the runs are, with the columns that compare them."""

import argparse
import os
import socket
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

from charloom.base.errors import Unavailable, WrongInput
from charloom.base.storage import sha256
from charloom.base.terminal import in_line
from charloom.settings.params import read_params
from charloom.tracking.address import artifacts
from charloom.tracking.apart import apart
from charloom.tracking.browser import HOST, show
from charloom.tracking.catch_up import anything_waits, catch_up
from charloom.tracking.store import Store, connected
from charloom.tracking.view import GROUPED_VIEW, VIEW

ASKING_MAY_TAKE = 45  # seconds, to say which experiment is ours


def serve(arguments: argparse.Namespace) -> None:
    """Print where the pages are, and serve them until the process ends; a server that is elsewhere serves its own.

    Raises WrongInput where the port cannot be had, Unavailable where the store cannot be reached.
    """
    store, port = Store(), arguments.port
    server = f"http://{HOST}:{port}"
    if not store.remote and not _free(port):
        other = next(filter(_free, range(5001, 2**16)))
        raise WrongInput(f"port {port} is in use; `make ui PORT={other}` or `charloom ui --port {other}` takes another")
    if anything_waits():
        print("sending to MLflow what waits", flush=True)
        try:
            catch_up()
        except Unavailable as error:
            print(error)
    experiment, studies = apart("ui.print_experiments", seconds=ASKING_MAY_TAKE, answers=True).split("\n")[:2]
    if store.remote:
        parts = urlsplit(store.uri)
        shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
        server = in_line(shown).rstrip("/")
    runs = f"{server}/#/experiments/{{}}/runs?workflowType=machine_learning&viewStateShareKey={{}}"
    page = runs.format(experiment, VIEW) if experiment else f"{server}/#/experiments"
    print(f"open {page}")
    if experiment:
        grouped = runs.format(experiment, GROUPED_VIEW)
        print(f"or, with a row for each setting and the mean over its seeds, {grouped}")
    if studies:
        print(f"studies: {runs.format(studies, VIEW)}")
    if store.remote:
        show(page)
    else:
        print("(in a few seconds; Ctrl-C ends it)", flush=True)
        show(page, port)
        _be_server(store.uri, port)


def print_experiments() -> None:
    """Print which experiment has the runs on this folder's text, and which the studies, as an address can hold it.

    A line each; it is empty where none has them.
    """
    with connected() as store:
        text = Path(read_params().prepare.text)
        for found in (store.experiments.get(sha256(text) if text.is_file() else ""), store.studies()):
            print(quote(str(found.experiment_id)[:100], safe="") if found else "")


def _free(port: int) -> bool:
    with suppress(OSError), socket.create_server((HOST, port)):
        return True
    return False


def _be_server(store: str, port: int) -> None:
    """Serve until the process ends. The store's address is no option: others can read a command line."""
    from mlflow.cli import cli  # noqa: PLC0415  takes a second, in which the lines above are read

    os.environ |= {"MLFLOW_BACKEND_STORE_URI": store, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    # The server is a Python that would look for its modules in this folder first, and so would Uvicorn in it.
    os.environ |= {"PYTHONSAFEPATH": "1", "UVICORN_APP_DIR": os.devnull}
    cli(["server", "--host", HOST, "--port", str(port), "--workers", "1", "--artifacts-destination", artifacts()])
