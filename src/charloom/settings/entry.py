"""How a stage or a command runs: its exit code, its one line about what is wrong, one stage at a time in a folder."""

import errno
import gc
import os
import sys
import warnings
from collections.abc import Callable
from inspect import getfile
from pathlib import Path
from typing import NoReturn

from charloom.base.errors import CharloomError, Unavailable, WrongInput
from charloom.base.lock import exclusive
from charloom.base.processors import processors
from charloom.base.signals import Stopped, end_at_once
from charloom.base.terminal import visible
from charloom.settings.dvc_lock import note_used
from charloom.settings.pipeline import OWN, Inputs

# Set in a hook of Git's, they would point our commands at another repository than this folder's.
FOREIGN = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE",
    "GIT_PREFIX",
)  # fmt: skip
NO_PROCESS = "no further process or thread may start: end other programs, or raise the limit (ulimit -u)"


def run_stage(main: Callable[[], None], leave: Callable[[int], NoReturn] = os._exit) -> NoReturn:
    """Run a stage: like a command, but alone in its folder, and with the sources that lie beside its script.

    Afterwards what it depends on has to be what it was before. What was done well ends with `leave`: at once. Python
    takes up to a second to tidy up, in which an edit would be seen by DVC and not by us.
    """

    def alone() -> None:
        script, sources = Path(getfile(main)).resolve(), Path(__file__).resolve().parents[2]
        if script.parent != sources:  # PYTHONSAFEPATH is set, say, and another checkout is installed
            raise WrongInput(f"{script}: would run the sources in {sources}; unset PYTHONSAFEPATH and PYTHONPATH")
        with exclusive(OWN / "stage.lock", "a stage in this folder"):
            gc.freeze()  # what was imported stays
            gc.set_threshold(100_000)  # objects: Numba, Matplotlib and Jinja make many that stay, and few in circles
            gc.enable()
            try:
                inputs = Inputs(script.stem)
                main()
                sys.stdout.flush()
                note_used(script.stem)  # of the inputs that are there now: the next line says whether they were used
                inputs.ensure_unchanged()
            except BrokenPipeError:
                raise Unavailable("standard output: nobody reads it any more; start the stage again") from None

    run_command(alone, leave)


def ensure_own_sources() -> None:
    """Raise WrongInput in a checkout with an environment of its own where another checkout's sources would run."""
    sources, here = Path(__file__).resolve().parents[2], Path("src").resolve()
    if sources != here and (here / "charloom").is_dir() and Path(".venv").is_dir():
        raise WrongInput(f"{here}: would run the sources in {sources}; `make setup` and `. .venv/bin/activate` mend it")


def run_command(command: Callable[[], None], leave: Callable[[int], NoReturn] = sys.exit) -> NoReturn:
    """Run a command and exit with its code, by `leave` if that is 0; what a user did wrong is one line on stderr."""
    end_at_once()
    for name in FOREIGN:
        os.environ.pop(name, None)
    if "error" in os.environ.pop("PYTHONWARNINGS", ""):  # a library's warning is no reason to fail
        warnings.simplefilter("ignore")
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed: what is printed goes nowhere
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115  open until the end
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # what the user's encoding lacks
    try:
        if (disabled := os.environ.get("NUMBA_DISABLE_JIT", "")) not in {"", "0"}:
            raise WrongInput(f"NUMBA_DISABLE_JIT: {disabled} is not allowed: the kernel has to be compiled; unset it")
        processors()  # a wrong number is named now, not where a large network needs it
        command()
        sys.stdout.flush()
    except (CharloomError, Stopped) as error:
        _end(str(error), error.exit_code)
    except MemoryError:
        _end("out of memory: close other programs, or choose a smaller m, seq_length, batch or text", 5)
    except BrokenPipeError:  # whoever read what we print has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(0)
    except RuntimeError as error:
        if str(error) != "can't start new thread":
            raise
        _end(NO_PROCESS, 5)
    except OSError as error:
        no_process = error.strerror == os.strerror(errno.EAGAIN)
        _end(NO_PROCESS if no_process else f"{error.filename or 'the system'}: {error.strerror or error}", 5)
    leave(0)


def _end(line: str, code: int) -> NoReturn:
    """Say the line and exit. Nobody has to hear it: stderr may be closed or full."""
    try:
        sys.stderr.write(f"{visible(line)}\n")
        sys.stdout.flush()
    except OSError:
        os._exit(code)
    sys.exit(code)
