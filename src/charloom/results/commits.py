"""Read the runs that are stored in Git commits. A thousand commits take one or two seconds."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pydantic import ValidationError

from charloom.core.base.errors import WrongInput
from charloom.core.base.yaml12 import NO_YAML, parse_yaml
from charloom.core.config.params import PARAMS, Params, with_silent
from charloom.core.config.pipeline import files
from charloom.core.config.reading import validated
from charloom.core.config.records import ResultsRecord, TextMetrics, TrainMetrics
from charloom.core.training.headline import outcome_of
from charloom.results.git import objects
from charloom.results.run import Run

NO_PARAMS = "params.yaml of another version of charloom"


class CommitContent(NamedTuple):
    """The content of a commit.

    params   the params; None if this version of charloom cannot read the commit's params.yaml
    run      the run, without curves; if the commit has no readable run, the reason as text
    sources  Git's id of the folder `src`; "" if the commit has no such folder
    """

    params: Params | None
    run: Run | str
    sources: str


def from_commits(commits: Iterable[str]) -> Iterator[CommitContent]:
    """Yield the content of each commit, in the given order.

    Raises WrongInput if the working folder has no valid dvc.yaml, and Unavailable if Git fails.
    """
    paths = files("track")
    names = (PARAMS, *(paths[f"metrics/{name}"] for name in ("train", "prepare", "results")), "src")
    contents = objects(f"{commit}:./{name}" for commit in commits for name in names)
    for (_, params_yaml), *metrics, (sources, _) in zip(*[contents] * len(names), strict=True):
        params = _params(params_yaml)
        run = run_in(params, *(content for _, content in metrics)) if params else NO_PARAMS
        yield CommitContent(params, run, sources)


def run_in(params: Params, train: bytes, text: bytes, results: bytes) -> Run | str:
    """Return the run without curves, or the reason why no run can be read.

    train, text, results  the contents of metrics/train.json, prepare.json and results.json; empty if missing
    """
    if not train:
        return "no results"
    try:
        metrics, about = TrainMetrics.model_validate_json(train), TextMetrics.model_validate_json(text)
        hashed = ResultsRecord.model_validate_json(results or b'{"results": ""}')  # charloom 0.1 wrote no hash
    except ValidationError:
        return "metrics of another version of charloom"
    outcome = outcome_of(metrics, about.K, params.seq_length)
    return Run(params, about.sha256, outcome, metrics, {}, hashed.results, about, network=hashed.network)


def _params(params_yaml: bytes) -> Params | None:
    try:
        return validated(Params, with_silent(parse_yaml(params_yaml.decode())), PARAMS)
    except (WrongInput, *NO_YAML):
        return None
