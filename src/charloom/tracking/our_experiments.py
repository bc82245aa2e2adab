"""Which experiments of a store are ours: what `charloom ui` opens."""

from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from mlflow.exceptions import MlflowException

from charloom.base.storage import sha256
from charloom.settings.params import read_params
from charloom.tracking.store import connected
from charloom.tracking.view import STUDIES_TAGS, TAGS


def print_experiments() -> None:
    """Print which experiment has the runs on this folder's text, and which the studies, as an address can hold it.

    A line each; it is empty where none has them. Views that an earlier version has left are renewed.
    """
    with connected() as store:
        text = Path(read_params().prepare.text)
        runs = store.experiments.get(sha256(text) if text.is_file() else "")
        for found, tags in ((runs, TAGS), (store.studies(), STUDIES_TAGS)):
            if found and not store.remote:  # the views of today, of what was sent before, too
                with suppress(MlflowException):  # a store that may only be read shows its own
                    store.go_on_with(found, {tag: view for tag, view in tags.items() if "View" in tag})
            print(quote(str(found.experiment_id)[:100], safe="") if found else "")
