"""The runs that Git holds: HEAD's own and DVC's experiments, a thousand in a second or two."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import ValidationError
from ruamel.yaml.error import YAMLError

from charloom.base.errors import Damaged, WrongInput
from charloom.base.yaml_text import parsed, parsed_fast
from charloom.results.curves import POINTS, thinned
from charloom.results.git import ensure_repository, git, objects
from charloom.results.records import MEASURE_OF_PART, TextMetrics, TrainMetrics
from charloom.settings.experiment import naming_params
from charloom.settings.params import PARAMS, Params, checked, flat
from charloom.settings.pipeline import files
from paired.data_types import Curve, Measurement

HEAD = "HEAD"
LOCK = f"{HEAD}:./dvc.lock"
NOT_YAML = (YAMLError, ValueError, LookupError, RecursionError)  # the last two: odd tags, too deep
OTHER_PARAMS = "HEAD's own: dvc.lock says other params than params.yaml; `dvc repro` mends that"
CURVES = {"smooth_loss": "plots/smooth_loss", MEASURE_OF_PART: "plots/held_out"}


class Experiment(NamedTuple):
    """A run as its commit holds it.

    named    the params that name it, by dotted names, but for the seed
    sources  the id of the tree of its sources
    """

    name: str
    commit: str
    params: Params
    named: dict[str, Any]
    train: TrainMetrics
    text: TextMetrics
    sources: str

    @property
    def yardstick(self) -> tuple[str, float, int]:
        """Return what it is measured on: the text, and which part of that."""
        return self.text.sha256, self.params.prepare.held_out, self.params.train.held_out_characters

    def measurement(self, measure: str) -> Measurement:
        """Return the measure, a name of TrainMetrics, and how the run ended."""
        bits, uniform = self.train.held_out_bits_per_character, self.text.bits_per_character.uniform
        worse = self.train.smooth_loss > self.text.nats_per_sequence.uniform if bits is None else bits > uniform
        return Measurement(getattr(self.train, measure), worse, self.train.first_update_below_target)


def experiments() -> tuple[Params, list[Experiment], Counter[str]]:
    """Return HEAD's params, all runs, HEAD's first and then the newest first, and why how many are left out.

    Raises WrongInput where this folder has no pipeline, no Git repository, or wrong params at its HEAD.
    """
    ensure_repository()
    paths = files("track")
    names = (str(PARAMS), str(paths["metrics/train"]), str(paths["metrics/prepare"]), "src")
    refs = git("for-each-ref", "--sort=-committerdate", "--format=%(objectname) %(refname)", "refs/exps")
    # The others are DVC's own: its queue, its stash, what it works on.
    matches = (re.fullmatch(r"(\w+) refs/exps/[0-9a-f]{2}/[0-9a-f]{38,}/(.+)", line) for line in refs.split("\n"))
    commits = {HEAD: HEAD} | {match[2]: match[1] for match in matches if match}
    contents = objects(f"{commit}:./{name}" for commit in commits.values() for name in names)
    found, left_out = list[Experiment](), Counter[str]()
    for name, commit in commits.items():
        params_yaml, train, text, sources = (next(contents) for _ in names)
        if commit == HEAD:
            head = _params(params_yaml[1], "HEAD: no commit with a params.yaml of this version of charloom")
        try:
            found.append(_experiment(name, commit, params_yaml[1], train[1], text[1], sources[0]))
        except WrongInput as why:
            left_out[str(why)] += 1
    return head, found, left_out


def _experiment(name: str, commit: str, params_yaml: bytes, train: bytes, text: bytes, sources: str) -> Experiment:
    """Return the run. Raises WrongInput that says why it is left out."""
    params = _params(params_yaml, "params.yaml of another version of charloom")
    if not train:
        raise WrongInput("HEAD's own: no results are committed" if commit == HEAD else "no results")
    try:
        metrics = TrainMetrics.model_validate_json(train), TextMetrics.model_validate_json(text)
    except ValidationError:
        raise WrongInput("metrics of another version of charloom") from None
    named = named_but_seed(params)
    if commit == HEAD:  # DVC commits an experiment whole; here somebody may have committed params alone
        _ensure_locked(named | {"seed": params.seed})
    return Experiment(name, commit, params, named, *metrics, sources)


def _params(params_yaml: bytes, otherwise: str) -> Params:
    """Return the params. Raises WrongInput that says what it is otherwise."""
    try:
        return checked(Params, parsed_fast(params_yaml.decode()), PARAMS)
    except (WrongInput, *NOT_YAML):
        raise WrongInput(otherwise) from None


def named_but_seed(params: Params) -> dict[str, Any]:
    """Return what a setting is: the params that name an experiment, by dotted names, but for the seed."""
    return {name: value for name, value in naming_params(params).items() if name != "seed"}


def _ensure_locked(now: dict[str, Any]) -> None:
    """Raise WrongInput where dvc.lock says that the committed results were made with other params than these."""
    ((_, lock),) = objects([LOCK])
    try:
        stages = parsed(lock.decode())["stages"]
        then = [dict(flat(stages[stage]["params"][str(PARAMS)])) for stage in ("prepare", "train")]
    except (*NOT_YAML, TypeError, AttributeError):
        raise WrongInput(OTHER_PARAMS) from None
    if any(now.get(name, value) != value for each in then for name, value in each.items()):
        raise WrongInput(OTHER_PARAMS)


def curves_of(runs: Iterable[Experiment]) -> dict[str, list[Curve]]:
    """Return their curves by name, a list in the order of the runs, thinned. Raises Damaged where one is no curve."""
    paths, runs = files("track"), list(runs)
    contents = objects(f"{run.commit}:./{paths[key]}" for run in runs for key in CURVES.values())
    found: dict[str, list[Curve]] = {name: [] for name in CURVES}
    for run in runs:
        for name, (_, table) in zip(CURVES, contents, strict=False):
            rows = dict(enumerate(table.decode().splitlines()[1:]))
            try:
                cells = (row.split(",") for row in thinned(rows, POINTS[name]).values())
                found[name].append({int(update): float(value) for update, value in cells})
            except ValueError:
                raise Damaged(f"{run.name}: {paths[CURVES[name]]}: not a table by update") from None
    return found
