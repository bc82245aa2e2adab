"""The start and the end of stages and commands: exit codes, one line for an error, a lock for a folder's stages."""

import errno
import gc
import os
import sys
from collections.abc import Callable
from inspect import getfile
from pathlib import Path
from typing import NoReturn

from charloom.base.errors import CharloomError, Unavailable, WrongInput
from charloom.base.processors import processors
from charloom.base.signals import Stopped, end_at_once
from charloom.base.storage import exclusive
from charloom.base.terminal import visible
from charloom.settings.dvc_lock import note_used
from charloom.settings.pipeline import OWN, Inputs

# Git sets its variables in a hook; they would make our Git commands use another repository than this folder's. With
# PYTHONWARNINGS=error, a deprecation in MLflow would end the sender.
FOREIGN = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE",
    "GIT_PREFIX", "PYTHONWARNINGS",
)  # fmt: skip
NO_PROCESS = "the system allows no further process or thread: end other programs, or raise the limit (ulimit -u)"


def run_stage(main: Callable[[], None], leave: Callable[[int], NoReturn] = os._exit) -> NoReturn:
    """Run a stage, `main`, as `run_command` does, while holding the folder's stage lock. Does not return.

    The stage fails if the imported sources are not those next to its script, if another stage runs in this folder, or
    if one of its inputs changed during the run. After success leave(0) ends the process, by default os._exit: Python's
    own exit takes up to a second, and an edit in that second would be recorded by DVC but missed by this check.
    """

    def run_locked() -> None:
        script, sources = Path(getfile(main)).resolve(), Path(__file__).resolve().parents[2]
        if script.parent != sources:  # for instance, PYTHONSAFEPATH is set and another checkout is installed
            raise WrongInput(f"{script}: would run the sources in {sources}; unset PYTHONSAFEPATH and PYTHONPATH")
        with exclusive(OWN / "stage.lock", "a stage in this folder"):
            gc.freeze()  # imported objects live until the end
            gc.set_threshold(100_000)  # Numba, Matplotlib and Jinja create many lasting objects and few cycles
            gc.enable()
            try:
                inputs = Inputs(script.stem)
                main()
                sys.stdout.flush()
                note_used(script.stem)  # notes the present inputs; the next line checks that they are the inputs used
                inputs.ensure_unchanged()
            except BrokenPipeError:
                raise Unavailable("standard output: the process reading it has ended; start the stage again") from None

    run_command(run_locked, leave)


def ensure_own_sources() -> None:
    """Raise WrongInput if this folder is a checkout with a .venv, but the imported sources are another checkout's."""
    sources, here = Path(__file__).resolve().parents[2], Path("src").resolve()
    if sources != here and (here / "charloom").is_dir() and Path(".venv").is_dir():
        raise WrongInput(f"{here}: would run the sources in {sources}; `make setup` and `. .venv/bin/activate` fix it")


def run_command(command: Callable[[], None], leave: Callable[[int], NoReturn] = sys.exit) -> NoReturn:
    """Run a command and exit with its exit code; leave(0) is called after success. Does not return.

    A CharloomError, a signal, an OSError (such as a full disk), and missing memory or processes are reported in one
    line on stderr. If the reader of stdout has ended, the exit code is 0. The variables in FOREIGN are removed from the
    environment.
    """
    end_at_once()
    for name in FOREIGN:
        os.environ.pop(name, None)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115  closed by the caller
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115  likewise
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # for characters that the user's encoding lacks
    try:
        if (disabled := os.environ.get("NUMBA_DISABLE_JIT", "")) not in {"", "0"}:
            raise WrongInput(f"NUMBA_DISABLE_JIT: {disabled} is not allowed: the kernel has to be compiled; unset it")
        processors()  # raises WrongInput for a wrong CHARLOOM_THREADS now, not in the middle of a training
        command()
        sys.stdout.flush()
    except (CharloomError, Stopped) as error:
        _end(str(error), error.exit_code)
    except MemoryError:
        _end("out of memory: close other programs, or choose a smaller m, seq_length, batch or text", 5)
    except BrokenPipeError:  # the reader of our output has ended, for instance `head`
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
    """Write the line to stderr and exit with `code`, also if the line cannot be written."""
    try:
        sys.stderr.write(f"{visible(line)}\n")
        sys.stdout.flush()
    except OSError:
        os._exit(code)
    sys.exit(code)
