"""Run the `train` of this folder without telling MLflow of it: what tracking must not change.

python untracked.py
"""

import importlib
import math
import runpy
import sys

sys.path.insert(0, "src")  # the sources of this folder, as for the stage itself
spool = importlib.import_module("charloom.results.spool")
spool.SHORT = math.inf  # seconds of training before the sender is started
runpy.run_path("src/train.py", run_name="__main__")
