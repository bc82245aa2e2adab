"""An experiment you can run again to the last bit.

The docstring of each sub-package describes its contents. A package imports only packages below it (see the diagram in
CONTRIBUTING.md). In other programs, importing charloom has no side effects. (`tracking` sets variables for MLflow.) In
a stage and in the `charloom` command, the import refuses a Python without the required libraries, and sets one variable
that NumPy's BLAS reads; child processes inherit it. In a stage, the import also restores the default SIGINT handler,
disables garbage collection during the imports, and hashes each imported source.
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
            f"charloom: {sys.executable} lacks the packages {', '.join(missing)}: "
            "run `make setup` once, then `. .venv/bin/activate`, and repeat the command\n"
        )
        sys.exit(2)
