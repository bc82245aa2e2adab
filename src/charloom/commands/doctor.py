"""`charloom doctor`: check what a run needs, and print a line for each check. A failure's line names the remedy."""

import argparse
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import NamedTemporaryFile
from uuid import uuid4

from charloom.core.base.errors import CharloomError, CheckFailed
from charloom.core.base.storage import sha256_of_text
from charloom.core.base.terminal import visible
from charloom.core.base.words import in_line
from charloom.core.config.pipeline import ensure_repository
from charloom.core.config.reading import read_params
from charloom.core.kernel.cache import cache_home
from charloom.tracking.limits import time_limit
from charloom.tracking.queries import query
from charloom.tracking.reasons import first_line

LOCKS = Path("requirements.lock"), Path(".ci/requirements-team.lock")
DASK_TIMEOUT = 10  # seconds
Check = tuple[str, str, bool]  # what is checked, the result, and whether it prevents a run


def doctor(arguments: argparse.Namespace) -> None:
    """Print a line for each check: ok or NO, what is checked, and the result. Raises CheckFailed if a check fails."""
    failures = 0
    for subject, result, failed in _checks(arguments.dask):
        failures += failed
        print(visible(f"{'NO' if failed else 'ok':4}{subject:18}{result}"), flush=True)
    if failures:
        raise CheckFailed("1 check failed" if failures == 1 else f"{failures} checks failed")


def _checks(dask: str | None) -> Iterator[Check]:
    """Yield the results of the checks. `dask` is the address of a Dask scheduler to check, or None.

    The checks of MLflow, DVC's remote and Dask are skipped if there is no Git repository, if params.yaml is not valid,
    or if the text file that `prepare.text` names cannot be read.
    """
    yield _environment()
    yield _compiled()
    try:
        ensure_repository()
        params = read_params()
        text = Path(params.prepare.text)
        content = sha256_of_text(text)
        yield "params.yaml", f"valid; its text {in_line(str(text))} has {text.stat().st_size:,} bytes", False
    except CharloomError as error:
        yield "params.yaml", str(error), True
        return
    except OSError as error:
        yield "params.yaml", f"prepare.text: {in_line(str(error.filename))}: {error.strerror}", True
        return
    yield from _store(content)
    yield _remote()
    if dask is not None:
        yield _scheduler(dask)


def _environment() -> Check:
    """Compare the versions of the installed packages with those in the lock files; a different version is a failure.

    A package that is not installed is no failure, because it may be optional. Without lock files there is no failure.
    """
    others, pinned = [], "".join(lock.read_text(encoding="utf-8") for lock in LOCKS if lock.exists())
    for name in dict.fromkeys(re.findall(r"^([\w.-]+)==", pinned, re.MULTILINE)):
        with suppress(PackageNotFoundError):
            installed = version(name)
            if not re.search(rf"^{re.escape(name)}=={re.escape(installed)}[ ;\\\n]", pinned, re.MULTILINE):
                others.append(f"{name} {installed}")
    python = f"Python {platform.python_version()} in {sys.prefix}"
    if others:
        cure = "`rm .venv/.ready; make setup` corrects it"
        return "environment", f"{python}: differs from the lock files: {', '.join(others[:3])}: {cure}", True
    return "environment", f"{python}, {f'as in {LOCKS[0]}' if pinned else f'without a {LOCKS[0]}'}", False


def _compiled() -> Check:
    """Try to write a file into the cache of compiled code. If this fails, each start of a command compiles again."""
    name = "cache"
    try:
        folder = cache_home()
        name = in_line(str(folder))
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder):
            return "compiled code", f"{name}: can be written", False
    except (OSError, RuntimeError) as error:  # RuntimeError: the user has no home folder
        why = getattr(error, "strerror", None) or error
        cure = "each start compiles again; set NUMBA_CACHE_DIR to a folder that can be written"
        return "compiled code", f"{name}: {why}: {cure}", True


def _store(text_sha256: str) -> list[Check]:
    """Return the checks of the MLflow store, for runs on this text: see `ask_store` in tracking/query_process.py."""
    try:
        return query("ask_store", text_sha256)  # type: ignore[no-any-return]
    except CharloomError as error:
        return [("MLflow", str(error), True)]


def _remote() -> Check:
    """Check DVC's default remote: write a file, read it, and remove it. Without a remote the check passes.

    A missing folder is a failure, except in S3, which has no folders.
    """
    try:
        from dvc.repo import Repo  # noqa: PLC0415  the import takes a quarter of a second

        with time_limit(), Repo() as repo:
            if not (name := repo.config["core"].get("remote")):
                return "DVC remote", "no default remote: each clone recomputes the results", False
            remote = repo.cloud.get_remote(name)
            where = in_line(f"{name}: {remote.fs.unstrip_protocol(remote.path)}")
            if remote.fs.protocol != "s3" and not remote.fs.exists(remote.path):
                return "DVC remote", f"{where}: does not exist: is it mounted? `mkdir` creates it", True
            file = remote.fs.join(remote.path, f"charloom-doctor-{uuid4().hex}")
            remote.fs.pipe_file(file, b"a test")
            try:
                is_equal = remote.fs.cat_file(file) == b"a test"
            finally:
                remote.fs.remove(file)
    except Exception as error:  # noqa: BLE001  the libraries of remotes raise exceptions of their own
        return "DVC remote", first_line(error), True
    result = "write and read" if is_equal else "returned other bytes than were written"
    return "DVC remote", f"{where}: {result}", not is_equal


def _scheduler(address: str) -> Check:
    """Count the workers of a Dask scheduler. It is a failure if there are none, or the scheduler does not answer."""
    shown = in_line(address)
    try:
        from distributed import Client  # noqa: PLC0415  a second to import

        with Client(address, timeout=DASK_TIMEOUT, set_as_default=False) as client:  # type: ignore[no-untyped-call]  # Dask's
            workers = len(client.scheduler_info()["workers"])
    except (ImportError, OSError, ValueError) as error:
        return "Dask", f"{shown}: no connection ({type(error).__name__}); start the scheduler; is Dask installed?", True
    return "Dask", f"{shown}: {f'{workers} workers' if workers else 'no workers; start `dask worker`'}", not workers
