"""An experiment you can run again to the last bit.

Each sub-package is a room: its first lines say what lives there. A room imports only rooms below it (CONTRIBUTING.md
has the drawing). In another program the import sets nothing up. (`tracking` sets variables, for MLflow.) In a stage and
in the `charloom` command it refuses a Python that lacks what the rooms need, and sets one variable, which NumPy's BLAS
reads as it is imported; a process that they start inherits it. In a stage it also gives SIGINT back to the system, lets
nobody look for garbage during the imports, which make none, and has each imported source hashed.
"""

import gc
import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

PROGRAM = Path(sys.argv[0])  # without an ending for `python -c`, `python -m` and a prompt
STAGE = PROGRAM.suffix == ".py" and PROGRAM.resolve().parent == Path(__file__).resolve().parents[1]
if STAGE:  # a signal during its imports ends it without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()  # a tenth of their time; run_stage enables it
    from charloom.base import opened

    opened.note_opened(sys.argv[0], __file__, opened.__file__)  # each source that is imported from here on is hashed

NEEDED = ("filelock", "numba", "numpy", "psutil", "pydantic", "rich", "pyyaml")

if STAGE or PROGRAM.name == "charloom":
    # At this size more threads are slower; and where none may start, OpenBLAS ends the process.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    if missing := [name for name in NEEDED if find_spec("yaml" if name == "pyyaml" else name) is None]:
        sys.stderr.write(
            f"charloom: {sys.executable} has no {', '.join(missing)}: "
            "type `make setup` once and `. .venv/bin/activate`, then repeat the command\n"
        )
        sys.exit(2)
