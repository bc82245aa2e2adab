"""track: complete the run in MLflow from the result files, and print the run's results."""

import sys
from functools import partial

from charloom.core.runtime.stage import run_stage
from charloom.core.base.errors import Unavailable
from charloom.core.runtime.inputs import Inputs
from charloom.core.training.headline import headline
from charloom.tracking.collect import put, this_run
from charloom.tracking.delivery import deliver
from charloom.tracking.lock_check import ensure_recorded
from charloom.tracking.reasons import first_line


def main(inputs: Inputs) -> None:
    """Print the run's results, and wait until the sender has sent the run to MLflow.

    If sending fails, a warning says so. Raises CheckFailed if dvc.lock does not record the inputs that the stages used,
    and Damaged if a result file is invalid.
    """
    run = this_run(params=inputs.params)
    text, train = run.text_and_metrics
    print(headline(train, text), flush=True)
    try:
        # Checked after collection, because the patch must not contain later edits.
        deliver(lambda: [put(run, partial(ensure_recorded, inputs.params))])
    except Unavailable as error:  # a failed delivery, or a spool that cannot be written
        sys.stderr.write(f"warning: MLflow was not updated ({first_line(error)}); `make track` retries\n")


if __name__ == "__main__":
    run_stage(main)
