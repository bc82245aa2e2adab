"""Run stages in a project's folder, each in a child of this process, so that all share one import.

python forked.py prepare gradcheck train
"""

import os
import runpy
import sys
import tempfile
from collections.abc import Callable

import matplotlib.backends.backend_agg  # noqa: F401  once, for every child
import mlflow.store.db.utils
import mlflow.store.tracking.sqlalchemy_store  # noqa: F401  once, for every child
import numpy as np

from charloom.base import progress
from charloom.model import model_file as checkpoint
from charloom.network import rnn
from charloom.pages import figures
from charloom.results import records
from charloom.sampling import writing as sampling
from charloom.tracking import store as tracking
from charloom.training import loop as training  # noqa: F401  likewise
from charloom.training import resume


def compile_kernel() -> None:
    """Load the kernel for a small m, so that no child has to."""
    start = training.start(rnn.init(8, 5, 0.1, np.random.default_rng(0)), 0.0)
    training.advance(start, np.arange(5, dtype=np.uint8), 1, seq_length=3, eta=0.1, clip=5.0)


def run(stage: str, first: Callable[[], None] = lambda: None) -> tuple[str, int]:
    """Run the stage in a child, after calling `first` there. Return what it printed, and its exit code."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
        child = os.fork()
        if not child:
            for number in (1, 2):
                os.dup2(printed.fileno(), number)
            first()
            sys.argv = [f"{stage}.py"]
            try:
                runpy.run_path(f"src/{stage}.py")
            except SystemExit as ended:
                sys.stdout.flush()
                os._exit(ended.code)  # taking down what all share would take longer than most stages
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        printed.seek(0)
        return printed.read(), code


if __name__ == "__main__":
    compile_kernel()
    for stage in sys.argv[1:]:
        said, code = run(stage)
        print(said, end="", flush=True)
        if code:
            sys.exit(code)
