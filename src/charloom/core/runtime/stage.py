"""Prepare the process of a stage, and run it while no other stage runs in this folder.

A stage's script imports this module before any other of the project. The import does what that of `program` does. It
also restores the default SIGINT handler, disables garbage collection during the imports, and from then on hashes each
source that the process imports.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable
from inspect import getfile
from pathlib import Path
from typing import NoReturn

from charloom.core.runtime.opened import note_opened

signal.signal(signal.SIGINT, signal.SIG_DFL)  # a signal during the imports ends the process without a traceback
gc.disable()  # a tenth of the imports' time; `run_stage` enables it
note_opened()

from charloom.core.runtime.program import run_command  # first: it refuses a Python without the libraries
from charloom.core.base.errors import Unavailable, WrongInput
from charloom.core.base.storage import exclusive
from charloom.core.runtime.inputs import Inputs
from charloom.core.settings.dvc_lock import note_used
from charloom.core.settings.pipeline import OWN


def run_stage(main: Callable[[], None], leave: Callable[[int], NoReturn] = os._exit) -> NoReturn:
    """Run a stage, `main`, as `run_command` does, while holding the folder's stage lock. Does not return.

    The stage fails if the imported sources are not those next to its script, if another stage runs in this folder, or
    if one of its inputs changed during the run. After success leave(0) ends the process, by default os._exit: Python's
    own exit takes up to a second, and an edit in that second would be recorded by DVC but missed by this check.
    """

    def run_locked() -> None:
        script, sources = Path(getfile(main)).resolve(), Path(__file__).resolve().parents[3]
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
