"""Prepare the process of a stage or a command, and run it: exit codes, and one line for an error.

A program imports this module before any other of the project. The import ends the process if Python lacks a required
library. It limits NumPy's BLAS to one thread by environment variables, which child processes inherit.
"""

import codecs
import errno
import os
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from charloom import NEEDED

# More threads are slower with matrices of this size. And OpenBLAS ends the process if it cannot start its threads.
for library in ("OPENBLAS", "OMP", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
os.environ["VECLIB_MAXIMUM_THREADS"] = "1"
if missing := [name for name in NEEDED if find_spec("yaml" if name == "pyyaml" else name) is None]:
    sys.stderr.write(
        f"charloom: {sys.executable} lacks the packages {', '.join(missing)}: "
        "run `make setup` once, then `. .venv/bin/activate`, and repeat the command\n"
    )
    sys.exit(2)

from charloom.core.base.errors import CharloomError, WrongInput
from charloom.core.base.processors import processors
from charloom.core.base.signals import Stopped, end_at_once
from charloom.core.base.terminal import visible

# Git sets its variables in a hook; they would make our Git commands use another repository than this folder's. With
# PYTHONWARNINGS=error, a deprecation in MLflow would end `track`.
FOREIGN = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE",
    "GIT_PREFIX", "PYTHONWARNINGS",
)  # fmt: skip
NO_PROCESS = "the system allows no further process or thread: end other programs, or raise the limit (ulimit -u)"


def ensure_own_sources() -> None:
    """Raise WrongInput if this folder is a checkout with a .venv, but the imported sources are in another checkout."""
    sources, present = Path(__file__).resolve().parents[3], Path("src").resolve()
    if sources != present and (present / "charloom").is_dir() and Path(".venv").is_dir():
        mend = "`make setup` and `. .venv/bin/activate` fix it"
        raise WrongInput(f"{present}: the active environment runs the sources in {sources}; {mend}")


def run_command(command: Callable[[], None], leave: Callable[[int], NoReturn] = sys.exit) -> NoReturn:
    """Run a command, and end the process with the exit code. Does not return.

    leave  the function that ends the process after success, called with 0

    A CharloomError, a signal, an OSError (such as a full disk), and missing memory or processes are reported in one
    line on stderr. If the reader of stdout has ended, the exit code is 0. The variables in FOREIGN are removed from the
    environment.
    """
    end_at_once()
    if "PYTHONWARNINGS" in os.environ:
        warnings.simplefilter("ignore")  # as in the processes that this one starts
    for name in FOREIGN:
        os.environ.pop(name, None)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115  closed by the caller
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115  closed by the caller
    codecs.register_error("charloom", _without)
    sys.stdout.reconfigure(errors="charloom")  # type: ignore[union-attr]
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


def _without(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return a hyphen for a minus sign that the output's encoding lacks, else an escape; and the end of that text."""
    if isinstance(error, UnicodeEncodeError):
        error.end = error.start + 1
        if error.object[error.start] == "−":
            return "-", error.end
    return codecs.backslashreplace_errors(error)


def _end(line: str, code: int) -> NoReturn:
    """Write the line to stderr and exit with `code`, also if the line cannot be written."""
    try:
        sys.stderr.write(f"{visible(line)}\n")
        sys.stdout.flush()
    except OSError:
        os._exit(code)
    sys.exit(code)
