"""`charloom doctor`: what stands in the way of a run here, a line each, with what to do."""

import argparse
import json
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from charloom.base.errors import CharloomError, CheckFailed
from charloom.base.storage import sha256
from charloom.base.terminal import in_line, visible
from charloom.results.git import ensure_repository
from charloom.settings.params import read_params
from charloom.settings.pipeline import files
from charloom.tracking.asking import asked

LOCKS = Path("requirements.lock"), Path("requirements-team.lock")
ASKING_MAY_TAKE = 30  # seconds
LARGEST = ("models/best", "reports/report")  # what is sent at once
Row = tuple[str, str, bool]


def doctor(given: argparse.Namespace) -> None:
    """Print a line for each thing. Raises CheckFailed where something stands in the way."""
    bad = 0
    for what, said, in_the_way in _rows(given.dask):
        bad += in_the_way
        print(visible(f"{'NO' if in_the_way else 'ok':4}{what:18}{said}"), flush=True)
    if bad:
        raise CheckFailed("1 of these stands in the way" if bad == 1 else f"{bad} of these stand in the way")


def _rows(dask: str | None) -> Iterator[Row]:
    """Yield what there is to say of each thing, and whether it stands in the way."""
    yield _environment()
    try:
        ensure_repository()
        params = read_params()
        text = Path(params.prepare.text)
        content = sha256(text)
        yield "params.yaml", f"valid; its text {in_line(str(text))} has {text.stat().st_size:,} bytes", False
    except (CharloomError, OSError) as error:
        yield "params.yaml", str(error), True
        return
    sizes = [file.stat().st_size for name in LARGEST if (file := files("track")[name]).exists()]
    yield from _asked("MLflow", "ask_store", content, str(text), str(max(sizes, default=1_000_000)))
    yield from _asked("DVC remote", "ask_remote")
    if dask:
        yield _scheduler(dask)


def _environment() -> Row:
    """Say whether what is installed is what the lock says. What is missing may be another system's, or an extra."""
    others, pinned = [], "".join(lock.read_text(encoding="utf-8") for lock in LOCKS if lock.exists())
    for name in dict.fromkeys(re.findall(r"^([\w.-]+)==", pinned, re.MULTILINE)):
        with suppress(PackageNotFoundError):
            if not re.search(rf"^{re.escape(name)}=={re.escape(found := version(name))}[ ;\\\n]", pinned, re.MULTILINE):
                others.append(f"{name} {found}")
    said = f"Python {platform.python_version()} in {sys.prefix}"
    if others:
        mends = "`rm .venv/.ready; make setup` mends it"
        return "environment", f"{said}: not as {LOCKS[0]} says: {', '.join(others[:3])}: {mends}", True
    return "environment", f"{said}, {f'as {LOCKS[0]} says' if pinned else f'without a {LOCKS[0]}'}", False


def _asked(what: str, question: str, *arguments: str) -> list[Row]:
    """Return the rows that a process of its own finds: whatever it asks may not answer."""
    try:
        return [(a, b, c) for a, b, c in json.loads(asked(question, *arguments, seconds=ASKING_MAY_TAKE))]
    except (CharloomError, ValueError) as error:
        return [(what, str(error), True)]


def _scheduler(address: str) -> Row:
    """Say how many workers a Dask scheduler has."""
    try:
        from distributed import Client  # noqa: PLC0415  a second to import

        with Client(address, timeout=ASKING_MAY_TAKE / 3, set_as_default=False) as client:  # type: ignore[no-untyped-call]  # Dask's
            workers = len(client.scheduler_info()["workers"])
    except (ImportError, OSError, ValueError) as error:
        return "Dask", f"{in_line(address)}: no scheduler answers ({type(error).__name__}): is it started?", True
    return "Dask", f"{in_line(address)}: {f'{workers} workers' if workers else 'no workers: start some'}", not workers
