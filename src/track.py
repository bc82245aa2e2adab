"""track: complete the MLflow run from the files, and say what the run made."""

import sys
from functools import partial

from charloom.base.errors import Unavailable
from charloom.base.storage import read_json
from charloom.results.headline import headline
from charloom.results.identity import experiment_key
from charloom.results.records import TextMetrics, TrainMetrics
from charloom.settings.dvc_lock import ensure_recorded, forget_notes
from charloom.settings.entry import run_stage
from charloom.settings.params import read_params
from charloom.settings.pipeline import files
from charloom.tracking.apart import first_line
from charloom.tracking.collect import made, put, this_run
from charloom.tracking.follower import end_follower
from charloom.tracking.handover import sender

SENDING_MAY_TAKE = 45  # seconds, the wait for others at it included


def main() -> None:
    """Say what was made, and send it. A store that does not take it is a warning, never a failure."""
    path = files("track")
    params = read_params()
    ensure_recorded(params)
    forget_notes()
    train, text = read_json(path["metrics/train"], TrainMetrics), read_json(path["metrics/prepare"], TextMetrics)
    with sender(experiment_key(params, text.sha256), SENDING_MAY_TAKE) as send:
        print("".join(f"  {file}\n" for file in made(path)) + headline(train, text), flush=True)
        run = this_run()
        end_follower(run.experiment)
        try:
            # Asked again when all is collected: a patch with edits since would lie.
            send(str(put(run, partial(ensure_recorded, run.params))))
        except Unavailable as error:  # or the outbox cannot be written
            sys.stderr.write(f"warning: MLflow not updated ({first_line(error)}); mended, `make track` sends it\n")


if __name__ == "__main__":
    run_stage(main)
