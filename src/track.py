"""track: complete the MLflow run from the files, and say what the run made."""

import signal

if __name__ == "__main__":  # a signal during the imports below ends it without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from charloom.base.errors import Unavailable
from charloom.base.storage import read_json
from charloom.results.headline import headline
from charloom.results.records import TextMetrics, TrainMetrics
from charloom.settings.entry import run_stage
from charloom.settings.pipeline import files
from charloom.tracking.collect import ensure_recorded, made, put, this_run
from charloom.tracking.follower import end_follower
from charloom.tracking.messages import warn
from charloom.tracking.send import deliver

SECONDS = 30  # that a store may take


def main() -> None:
    """Say what was made, and send it. A store that does not take it is a warning, never a failure."""
    path = files("track")
    ensure_recorded()
    train, text = read_json(path["metrics/train"], TrainMetrics), read_json(path["metrics/prepare"], TextMetrics)
    print("".join(f"  {file}\n" for file in made(path)) + headline(train, text), flush=True)
    run = this_run()
    end_follower(run.experiment)
    try:
        reason = deliver([put(run)], SECONDS)
    except Unavailable as error:  # the outbox cannot be written
        reason = str(error)
    if reason:
        warn(reason)


if __name__ == "__main__":
    run_stage(main)
