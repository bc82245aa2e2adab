"""Run the `train` of this folder without telling MLflow of it: what tracking must not change.

python untracked.py
"""

import math
import runpy

from charloom.results import training_log

training_log.SHORT = math.inf  # seconds of training before MLflow is told
runpy.run_path("src/train.py", run_name="__main__")
