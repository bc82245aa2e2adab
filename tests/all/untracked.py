"""Run the `train` of this folder without telling MLflow of it: what tracking must not change.

python untracked.py
"""

import importlib
import math
import runpy
import sys

sys.path.insert(0, "src")  # the sources of this folder, as for the stage itself
training_log = importlib.import_module("charloom.results.training_log")
training_log.SHORT = math.inf  # seconds of training before MLflow is told
runpy.run_path("src/train.py", run_name="__main__")
