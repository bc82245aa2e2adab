"""Query the store's experiments for `charloom ui` (see asking.py)."""

from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from mlflow.exceptions import MlflowException

from charloom.base.storage import sha256
from charloom.settings.params import read_params
from charloom.tracking.store import connected
from charloom.tracking.view import STUDIES_TAGS, TAGS


def print_experiments() -> None:
    """Print the ids of two MLflow experiments: of the runs on this folder's text, and of the studies.

    Each id is a line, quoted for a URL; the line is empty if the experiment is missing. In a store on this machine,
    views from an earlier version are updated. Raises WrongInput if params.yaml is invalid.
    """
    with connected() as store:
        text = Path(read_params().prepare.text)
        runs = store.experiments.get(sha256(text) if text.is_file() else "")
        for experiment, tags in ((runs, TAGS), (store.studies_experiment(), STUDIES_TAGS)):
            if experiment and not store.remote:
                with suppress(MlflowException):  # a read-only store keeps its views
                    store.use_experiment(experiment, {tag: view for tag, view in tags.items() if "View" in tag})
            print(quote(str(experiment.experiment_id)[:100], safe="") if experiment else "")
