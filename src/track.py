"""track: print the run's results, and log the run in MLflow from the result files."""

from functools import partial

from charloom.core.runtime.stage import run_stage
from charloom.core.config.pipeline import files
from charloom.core.runtime.inputs import Inputs
from charloom.core.training.headline import headline
from charloom.results.lock_check import ensure_recorded
from charloom.results.run import from_folder
from charloom.tracking.collect import put_run
from charloom.tracking.delivery import deliver


def main(inputs: Inputs) -> None:
    """Print the run's results, and log the run in MLflow. If that fails, a warning says so.

    Raises CheckFailed if dvc.lock does not record the inputs that the stages used, and Damaged if a result file is
    invalid.
    """
    run = from_folder(inputs.params, files("track"))
    text, train = run.text_and_metrics
    print(headline(train, text), flush=True)
    # Checked after collection, because the patch must not contain later edits.
    deliver(partial(put_run, run, partial(ensure_recorded, inputs.params)), "make track")


if __name__ == "__main__":
    run_stage(main)
