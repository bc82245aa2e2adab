"""Prepare the process of a stage, and run it while no other stage runs in this folder.

A stage's script imports this module before any other of the project. The import has the effects of importing
program.py. It also hashes all source files before other modules are imported, restores the default SIGINT handler, and
disables garbage collection during the imports.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable, Mapping
from inspect import getfile
from pathlib import Path
from typing import NoReturn

from charloom.core.base.sources import SOURCES, source_hashes

AT_START = source_hashes()
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a signal during the imports ends the process without a traceback
gc.disable()  # a tenth of the imports' time; `run_stage` enables it

from charloom.core.runtime.program import run_command  # first: it refuses a Python without the libraries
from charloom.core.base.errors import Unavailable, WrongInput
from charloom.core.base.storage import exclusive, written
from charloom.core.config.pipeline import CHARLOOM_FOLDER
from charloom.core.runtime.inputs import Inputs


def run_stage(
    main: Callable[[Inputs], None], leave: Callable[[int], NoReturn] = os._exit, sources: Mapping[str, str] = AT_START
) -> NoReturn:
    """Run a stage as `run_command` does, while the process holds the lock of this folder. Does not return.

    main     the stage: a function that gets the stage's inputs
    leave    the function that ends the process after success, called with 0; sys.exit would take up to a second
    sources  {path: SHA-256} of the source files, hashed before they were imported

    The stage fails if the imported sources are not in the folder of its script, if another stage runs in this folder,
    or if an input of the stage changed during the run.
    """

    def run_locked() -> None:
        script = Path(getfile(main)).resolve()
        if script.parent != SOURCES:  # for instance, PYTHONSAFEPATH is set and another checkout is installed
            raise WrongInput(f"{script}: would run the sources in {SOURCES}; unset PYTHONSAFEPATH and PYTHONPATH")
        with exclusive(CHARLOOM_FOLDER / "stage.lock", "a stage in this folder"):
            gc.freeze()  # imported objects live until the end
            gc.set_threshold(100_000)  # Numba, Matplotlib and Jinja create many lasting objects and few cycles
            gc.enable()
            try:
                written.clear()
                inputs = Inputs(script.stem, sources)
                main(inputs)
                sys.stdout.flush()
                inputs.ensure_unchanged()
                inputs.leave_note()
            except BrokenPipeError:
                raise Unavailable("standard output: the process reading it has ended; start the stage again") from None

    run_command(run_locked, leave)
