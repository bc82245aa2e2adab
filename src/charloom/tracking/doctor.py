"""Whether the places that a team shares will take what is sent there: nothing of it stays there.

A server that permits something refuses an invalid request for it as invalid (400), another one as not permitted (403).
Each thing is a row: what it is, what is said of it, and whether it stands in the way.
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
from typing import Any, cast
from uuid import uuid4

from mlflow.entities import Experiment
from mlflow.tracking._tracking_service.utils import get_default_host_creds  # type: ignore[attr-defined]  # MLflow's own
from mlflow.utils.rest_utils import http_request
from requests import Response

from charloom.base.terminal import in_line
from charloom.tracking.address import database
from charloom.tracking.logged_models import NO_MODELS
from charloom.tracking.reasons import first_line, not_permitted
from charloom.tracking.registry import model_name
from charloom.tracking.store import Store, connected

WRONG = {"start_time": "none"}  # makes an invalid request
Row = tuple[str, str, bool]  # what, what is said of it, whether it stands in the way
SLOW = 0.5  # seconds a request, from which a run of some 40 requests takes long
CLOCKS_DIFFER = 60  # seconds
NOT_FOUND = 404  # of HTTP
OLDEST = (2, 10)  # of MLflow's versions


def ask_store(text_sha256: str, source: str, largest: str) -> None:
    """Print the rows of the store, as JSON. `source` is the text's file, `largest` the bytes of what is sent at once.

    Raises Unavailable where it does not answer, or not to us.
    """
    base = database()
    if base and not base.exists():
        print(json.dumps([("MLflow", f"{base}: not there yet; the first run makes it{_alone()}", False)]))
        return
    with connected() as store:
        where = re.sub(r"//[^/\s]*@", "//***@", store.uri.partition("?")[0])
        rows: list[Row] = [] if store.remote else [("MLflow", f"{where}: answers{_alone()}", False)]
        if store.remote:
            rows += _server(store, where, store.experiments.get(text_sha256), source, int(largest))
    print(json.dumps(rows))


def _alone() -> str:
    """Return what to say where a store of one's own is used, and a server's seems to be meant."""
    named = os.environ.get("MLFLOW_TRACKING_USERNAME") and not os.environ.get("MLFLOW_TRACKING_URI")
    return "; runs stay here: MLFLOW_TRACKING_USERNAME is set, and MLFLOW_TRACKING_URI is not" if named else ""


def _server(store: Store, where: str, experiment: Experiment | None, source: str, largest: int) -> list[Row]:
    """Return the rows of a server."""
    creds, request = (
        cast(Callable[..., object], get_default_host_creds)(store.uri),
        cast(Callable[..., Response], http_request),
    )

    def ask(path: str, **body: object) -> Response:
        return request(creds, path, "POST" if body else "GET", json=body or None, max_retries=0)

    began = time.monotonic()
    version, answer = ask("/version"), ask("/api/2.0/mlflow/experiments/search", max_results=1)
    seconds, number = (time.monotonic() - began) / 2, in_line(version.text[:20])
    who = os.environ.get("MLFLOW_TRACKING_USERNAME") or "nobody"
    said = f"{where} as {who}: MLflow {number}, {seconds:.2f} s a request"
    slow = ", which is slow; auth_cache_ttl_seconds in its auth.ini may help" if seconds > SLOW else ""
    rows = [("MLflow", said + slow, False)]
    parts = [int(part) for part in version.text.split(".")[:2] if part.isdecimal()]
    if len(parts) == len(OLDEST) and tuple(parts) < OLDEST:
        rows.append(("MLflow’s version", f"{number}: a run needs 2.10 or newer: update the server", True))
    if ask("/api/2.0/mlflow/logged-models/search", experiment_ids=["0"], max_results=1).status_code == NOT_FOUND:
        rows.append(("models", NO_MODELS, False))
    if date := answer.headers.get("Date"):
        ahead = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
        off = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the server's: set the clock here, or there"
        rows.append(("clock", off if abs(ahead) > CLOCKS_DIFFER else "as the server's", abs(ahead) > CLOCKS_DIFFER))
    api, model = "/api/2.0/mlflow", model_name(source)
    found = request(creds, f"{api}/registered-models/get", "GET", params={"name": model}, max_retries=0)
    new = found.status_code == NOT_FOUND  # 403 is of one that we may not see
    wanted = [(f"model {model}", "registered-models" if new else "model-versions", {"name": "" if new else model})]
    if experiment:
        wanted += [(f"experiment {experiment.name!r}", "runs", {"experiment_id": experiment.experiment_id, **WRONG})]
    else:
        wanted += [("experiments", "experiments", {"name": ""})]
    for what, path, body in wanted:
        denied = ask(f"{api}/{path}/create", **body).status_code == 403
        rows.append(("may write", not_permitted(what) if denied else what, denied))
    too_large = ask(f"{api}/runs/create", start_time="x" * largest).status_code == 413
    cure = "too large for the server, or a proxy before it: raise its limit (nginx: client_max_body_size)"
    rows.append(("upload", f"{largest:,} bytes in one request: {cure if too_large else 'accepted'}", too_large))
    return rows


def ask_remote() -> None:
    """Print the row of DVC's default remote, as JSON: a file is written there, read and removed."""
    from dvc.exceptions import DvcException  # noqa: PLC0415  a quarter of a second, for this question alone
    from dvc.repo import Repo  # noqa: PLC0415  likewise

    try:
        with Repo() as repo:
            name = repo.config["core"].get("remote")
            row = _remote(repo, name) if name else ("DVC remote", "none: who has none makes the results anew", False)
    except (DvcException, OSError, ImportError, ValueError) as error:
        row = ("DVC remote", f"{first_line(error)}{_cure(str(error))}", True)
    print(json.dumps([row]))


def _remote(repo: Any, name: str) -> Row:
    """Write a file to the remote of that name, read it, and remove it."""
    remote = repo.cloud.get_remote(name)
    file = remote.fs.join(remote.path, f"charloom-doctor-{uuid4().hex}")
    said = f"{name}: {remote.fs.unstrip_protocol(remote.path)}"
    if remote.fs.protocol != "s3" and not remote.fs.exists(remote.path):
        return "DVC remote", f"{said}: not there: is it mounted? `mkdir` makes it, once", True
    remote.fs.pipe_file(file, b"a test")
    try:
        same = remote.fs.cat_file(file) == b"a test"
    finally:
        remote.fs.remove(file)
    mask = os.umask(0)
    os.umask(mask)
    if remote.fs.protocol == "local" and Path(remote.path).stat().st_mode & S_IWGRP and mask & S_IWGRP:
        return "DVC remote", f"{said}: others of the group could not write into what you push: `umask 002` before", True
    return "DVC remote", f"{said}: {'write and read' if same else 'gives back other bytes'}", not same


def _cure(said: str) -> str:
    """Return what helps, after a semicolon."""
    if "requires" in said and "install" in said:
        return "; `make setup TEAM=1` brings it"
    if "expected 'url'" in said:
        return "; .dvc/config.local has keys without the url beside them: give it there, too"
    return ""
