"""Check whether a team's MLflow server and DVC remote accept writes. The checks leave no data on the server or remote.

To check a permission, a check sends an invalid request: a server that permits the operation answers with the HTTP
status 400 (invalid), a server that denies it with 403. Each check returns rows: what was checked, the finding, and
whether it is a problem.
"""

import json
import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from stat import S_IWGRP
from typing import Any
from uuid import uuid4

from mlflow.entities import Experiment
from mlflow.tracking._tracking_service.utils import get_default_host_creds  # type: ignore[attr-defined]  # MLflow's own
from mlflow.utils.rest_utils import http_request
from requests import Response

from charloom.base.terminal import in_line
from charloom.tracking.address import database, page_address
from charloom.tracking.reasons import NO_MODELS, NOT_FOUND, first_line, not_permitted
from charloom.tracking.store import Store, connected

Row = tuple[str, str, bool]  # what was checked, the finding, whether it is a problem
SLOW_REQUEST = 0.5  # seconds; a run takes about 150 requests
CLOCK_TOLERANCE = 60  # seconds


def ask_store(text_sha256: str, largest: str) -> None:
    """Check the store, and print the rows as JSON.

    text_sha256  SHA-256 of the text, which identifies the text's MLflow experiment
    largest      size in bytes of the largest file that is sent in one request, as text

    Raises Unavailable if the store does not answer or refuses the login.
    """
    base = database()
    finding = f"{base}: the first run creates it"
    if not base or base.exists():
        with connected() as store:
            if store.remote:
                print(json.dumps(_server(store, store.experiments.get(text_sha256), int(largest))))
                return
            finding = f"{re.sub('//[^/ ]*@', '//***@', store.uri.partition('?')[0])}: answers"
    if os.environ.get("MLFLOW_TRACKING_USERNAME") and not os.environ.get("MLFLOW_TRACKING_URI"):
        finding += "; runs stay local: MLFLOW_TRACKING_USERNAME is set, but MLFLOW_TRACKING_URI is not"
    print(json.dumps([("MLflow", finding, False)]))


def _server(store: Store, experiment: Experiment | None, largest: int) -> list[Row]:
    """Return the rows of a server: version, LoggedModels, clock, permission, and the size of a request.

    experiment  the text's MLflow experiment, or None
    largest     size in bytes of the largest file that is sent in one request
    """
    creds = get_default_host_creds(store.uri)  # type: ignore[no-untyped-call]  # MLflow's own
    request: Callable[..., Response] = http_request

    def ask(path: str, **body: object) -> Response:
        return request(creds, path, "POST" if body else "GET", json=body or None, max_retries=0)

    began = time.monotonic()
    version, answer = ask("/version"), ask("/api/2.0/mlflow/experiments/search", max_results=1)
    seconds, number = (time.monotonic() - began) / 2, in_line(version.text[:20])
    user = os.environ.get("MLFLOW_TRACKING_USERNAME") or "nobody"
    line = f"{page_address()} as {user}: MLflow {number}, {seconds:.2f} s a request"
    slow = ", which is slow; auth_cache_ttl_seconds in its auth.ini may help" if seconds > SLOW_REQUEST else ""
    old = re.match(r"[01]\.|2\.\d\.", number)
    rows = [("MLflow", f"{line}: a run needs 2.10 or newer: update the server" if old else line + slow, bool(old))]
    if ask("/api/2.0/mlflow/logged-models/search", experiment_ids=["0"], max_results=1).status_code == NOT_FOUND:
        rows.append(("models", NO_MODELS, False))
    if date := answer.headers.get("Date"):
        ahead = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
        line = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the server's clock: correct the wrong clock"
        rows.append(("clock", line if (wrong := abs(ahead) > CLOCK_TOLERANCE) else "agrees with the server's", wrong))
    api, what, path, body = "/api/2.0/mlflow", "experiments", "experiments", {"name": ""}
    if experiment:
        what, path = f"experiment {experiment.name!r}", "runs"
        body = {"experiment_id": experiment.experiment_id, "start_time": "none"}
    denied = ask(f"{api}/{path}/create", **body).status_code == 403
    rows.append(("may write", not_permitted(what) if denied else what, denied))
    too_large = ask(f"{api}/runs/create", start_time="x" * largest).status_code == 413
    hint = "too large for the server, or a proxy before it: raise its limit (nginx: client_max_body_size)"
    rows.append(("upload", f"{largest:,} bytes in one request: {hint if too_large else 'accepted'}", too_large))
    return rows


def ask_remote() -> None:
    """Check DVC's default remote by writing, reading and removing a file; print a list of one row as JSON.

    A repository without a default remote is no problem.
    """
    from dvc.exceptions import DvcException  # noqa: PLC0415  the import takes a quarter of a second
    from dvc.repo import Repo  # noqa: PLC0415  likewise

    try:
        with Repo() as repo:
            name = repo.config["core"].get("remote")
            row = _remote(repo, name) if name else ("DVC remote", "none: each clone recomputes the results", False)
    except (DvcException, OSError, ImportError, ValueError) as error:
        row = ("DVC remote", first_line(error), True)
    print(json.dumps([row]))


def _remote(repo: Any, name: str) -> Row:
    """Write a file to the remote `name`, read it, remove it, and return the row.

    A missing folder is a problem, except in S3. So is a umask that keeps the group from writing to new folders of a
    shared folder.
    """
    remote = repo.cloud.get_remote(name)
    file = remote.fs.join(remote.path, f"charloom-doctor-{uuid4().hex}")
    where = f"{name}: {remote.fs.unstrip_protocol(remote.path)}"
    if remote.fs.protocol != "s3" and not remote.fs.exists(remote.path):
        return "DVC remote", f"{where}: does not exist: is it mounted? `mkdir` creates it", True
    remote.fs.pipe_file(file, b"a test")
    try:
        same = remote.fs.cat_file(file) == b"a test"
    finally:
        remote.fs.remove(file)
    mask = os.umask(0)
    os.umask(mask)
    if remote.fs.protocol == "local" and Path(remote.path).stat().st_mode & S_IWGRP and mask & S_IWGRP:
        return "DVC remote", f"{where}: your group cannot write to new folders: set `umask 002` before `dvc push`", True
    return "DVC remote", f"{where}: {'write and read' if same else 'returned other bytes than were written'}", not same
