"""What surrounds every stage: its files as dvc.yaml names them, its exit code, whole-or-nothing writing."""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from threadpoolctl import threadpool_limits

from charloom.errors import CharloomError, Damaged, WrongInput

PIPELINE = Path("dvc.yaml")


def root() -> Path:
    """Return the main repository, also from a temporary or queued experiment's folder."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def files(stage: str) -> dict[str, Path]:
    """Return every file that dvc.yaml lets the stage read or write, by folder and name without ending.

    `models/best` is the model wherever dvc.yaml puts a folder `models` and whatever the ending. A stage finds
    its files here alone, so it cannot touch one that DVC does not know.

    Raises WrongInput where the working folder holds no dvc.yaml with this stage.
    """
    try:
        declared = YAML(typ="safe", pure=True).load(PIPELINE.read_text(encoding="utf-8"))["stages"][stage]
    except (OSError, KeyError):
        raise WrongInput(f"{PIPELINE}: no stage {stage} in this folder; start it from the project's") from None
    entries = [entry for kind in ("deps", "outs", "metrics", "plots") for entry in declared.get(kind, [])]
    paths = [Path(entry if isinstance(entry, str) else next(iter(entry))) for entry in entries]
    return {f"{path.parent.name}/{path.stem}": path for path in paths}


def run(stage: Callable[[], None]) -> NoReturn:
    """Run a stage or command and exit with its code; what a user did wrong is one line on stderr.

    One BLAS thread: at this size more are slower, and the bits of a product depend on their number.
    """
    try:
        with threadpool_limits(limits=1):
            stage()
    except CharloomError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    sys.exit(0)


def write(path: Path, content: str | bytes) -> None:
    """Write the file whole or not at all: a temporary file beside it, fsync, rename, fsync of the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_json(path: Path, content: Any) -> None:
    """Write readable JSON with keys in the given order; floats in full, NaN refused with ValueError."""
    write(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Return what the JSON file holds. Raises Damaged, naming the file, where it is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Damaged(f"{path}: not readable as JSON ({error}); `dvc repro` makes it again") from None


def sha256(path: Path) -> str:
    """Return the SHA-256 of the file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
