"""The hash of a training's results, computed from its files."""

from pathlib import Path

import numpy as np

from charloom.core.base.storage import read_table
from charloom.core.config.records import STATISTICS
from charloom.core.model.model_file import read_model
from charloom.core.training.trace import results_hash


def hashed(path: dict[str, Path]) -> str:
    """Return the hash of the results, computed from the files. It equals the recorded hash if no file has changed.

    path  the output files of the stage `train`, by folder and stem: see pipeline.Files

    Raises WrongInput or Damaged if a file is missing or invalid.
    """
    tables = {"plots/smooth_loss": ("smooth_loss",), "plots/first_losses": ("loss",), "plots/measures": STATISTICS}
    columns = [column for name, names in tables.items() for column in read_table(path[name], *names).values()]
    trace = [np.array(list(column.values())) for column in columns]
    last, best = read_model(path["models/last"]), read_model(path["models/best"])
    return results_hash(last.theta.flat, best.theta.flat, trace)
