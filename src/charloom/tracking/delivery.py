"""Send the outbox to MLflow, within a time limit: for the stage `track` and `charloom study`."""

import sys
from collections.abc import Callable
from pathlib import Path

from charloom.core.base.errors import CheckFailed, Damaged, WrongInput
from charloom.core.base.terminal import visible
from charloom.tracking.limits import time_limit
from charloom.tracking.reasons import first_line

LONGEST = 60  # seconds that a stage or a study waits for MLflow


def deliver(add: Callable[[], Path], retry: str) -> None:
    """Add an entry to the outbox, and send it and the older entries. If that fails, print a warning.

    The process ends with the exit code 0 after LONGEST seconds: a failed stage would make DVC discard an experiment.

    add    adds the entry, and returns its folder; a CheckFailed, Damaged or WrongInput is raised
    retry  the command that retries, for the warning
    """
    template = f"warning: MLflow was not updated ({{}}); `{retry}` retries"
    try:
        own = add()
        with time_limit(template, 0, LONGEST):
            from charloom.tracking.sending import send_all  # noqa: PLC0415  MLflow's import takes seconds

            send_all(own)
    except (CheckFailed, Damaged, WrongInput):
        raise
    except Exception as error:  # noqa: BLE001  MLflow must not fail a stage, even if its installation is broken
        sys.stderr.write(f"{visible(template.format(first_line(error)))}\n")
