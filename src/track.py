"""track: complete the MLflow run from the files, and say what the run made."""

import sys
from functools import partial

from charloom.base.errors import Unavailable
from charloom.results.headline import headline
from charloom.settings.dvc_lock import ensure_recorded, forget_notes
from charloom.settings.entry import run_stage
from charloom.settings.params import read_params
from charloom.settings.pipeline import files
from charloom.tracking.collect import made, put, this_run
from charloom.tracking.delivery import begin, deliver
from charloom.tracking.reasons import first_line

SENDING_MAY_TAKE = 45  # seconds


def main() -> None:
    """Say what was made, and have it sent. A store that does not take it is a warning, never a failure."""
    params = read_params()
    ensure_recorded(params)
    forget_notes()
    since = begin()
    run = this_run()
    text, train = run.facts
    print("".join(f"  {file}\n" for file in made(files("track"))) + headline(train, text), flush=True)
    try:
        # Asked again when all is collected: a patch with edits since would lie.
        deliver([put(run, partial(ensure_recorded, params))], SENDING_MAY_TAKE, since)
    except Unavailable as error:  # or the spool cannot be written
        sys.stderr.write(f"warning: MLflow not updated ({first_line(error)}); mended, `make track` sends it\n")


if __name__ == "__main__":
    run_stage(main)
