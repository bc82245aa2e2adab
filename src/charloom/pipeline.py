"""What surrounds every stage: its files as dvc.yaml names them, its exit code, one stage at a time in a folder."""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TextIO

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from threadpoolctl import threadpool_limits

from charloom.errors import CharloomError, WrongInput
from charloom.lock import exclusive
from charloom.signals import Stopped, at_once, end
from charloom.terminal import visible

PIPELINE = Path("dvc.yaml")
OWN = Path(".charloom")  # what is ours and no result: locks, the resume state


def root() -> Path:
    """Return the main repository, also from a temporary or queued experiment's folder."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def declared(stage: str) -> dict[str, Any]:
    """Return what dvc.yaml says of the stage.

    Raises WrongInput where the working folder holds no dvc.yaml with this stage.
    """
    try:
        entry: dict[str, Any] = YAML(typ="safe", pure=True).load(PIPELINE.read_text(encoding="utf-8"))["stages"][stage]
    except (OSError, KeyError, TypeError):
        raise WrongInput(f"{PIPELINE}: no stage {stage} in this folder; start it from the project's") from None
    except (YAMLError, ValueError) as error:
        raise WrongInput(f"{PIPELINE}: not YAML: {' '.join(str(error).split())}") from None
    return entry


def files(stage: str) -> dict[str, Path]:
    """Return every file that dvc.yaml lets the stage read or write, by folder and name without ending.

    `models/best` is the model wherever dvc.yaml puts a folder `models` and whatever the ending. A stage finds
    its files here alone, so it cannot touch one that DVC does not know.

    Raises WrongInput where the working folder holds no dvc.yaml with this stage.
    """
    says = declared(stage)
    entries = [entry for kind in ("deps", "outs", "metrics", "plots") for entry in says.get(kind, [])]
    paths = [Path(entry if isinstance(entry, str) else next(iter(entry))) for entry in entries]
    return {f"{path.parent.name}/{path.stem}": path for path in paths}


def stage(main: Callable[[], None]) -> NoReturn:
    """Run a stage: like a command, but alone in its folder, and whether or not anybody reads what it prints."""

    def alone() -> None:
        with exclusive(OWN / "stage.lock", "a stage in this folder"):
            main()

    sys.stdout = _unheard(sys.stdout)
    run(alone)


def _unheard(stream: TextIO | None) -> io.TextIOWrapper:
    """Return the stream, or nowhere where there is none, as one that may be closed or full."""
    number = os.open(os.devnull, os.O_WRONLY) if stream is None else stream.fileno()
    encoding = None if stream is None else stream.encoding
    raw = io.BufferedWriter(_Unheard(number, "w", closefd=False))
    return io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", line_buffering=True)


class _Unheard(io.FileIO):
    """A file whose reader may be gone, or its disk full."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def run(command: Callable[[], None]) -> NoReturn:
    """Run a command and exit with its code; what a user did wrong is one line on stderr.

    One BLAS thread: at this size more are slower, and the bits of a product depend on their number.
    """
    at_once()
    sys.stdout, sys.stderr = sys.stdout or _unheard(None), _unheard(sys.stderr)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # what the user's encoding lacks
    try:
        with threadpool_limits(limits=1):
            command()
    except Stopped as error:
        end(error)
    except CharloomError as error:
        sys.stderr.write(f"{visible(str(error))}\n")
        sys.exit(error.exit_code)
    except MemoryError:
        sys.stderr.write("out of memory: close other programs, or choose a smaller m, seq_length or text\n")
        sys.exit(5)
    except BrokenPipeError:  # whoever read what we print has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(0)
    except OSError as error:
        sys.stderr.write(visible(f"{error.filename or 'the system'}: {error.strerror or error}\n"))
        sys.exit(5)
    sys.exit(0)
