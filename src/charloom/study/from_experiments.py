"""What DVC's experiments, and HEAD's own run, measured. A setting is what differs between them, but for the seed."""

import re
from collections import Counter
from itertools import repeat
from typing import Any, NamedTuple, get_args

from charloom.base.errors import Damaged, WrongInput, allowed_are
from charloom.base.terminal import in_line
from charloom.results.commits import curves_of, from_commits
from charloom.results.git import ensure_repository, git, objects
from charloom.results.identity import differing, setting_params
from charloom.results.records import MEASURE, Measure
from charloom.results.run import Run
from charloom.settings.dvc_lock import stages_in
from charloom.settings.params import Params, flat_of, in_order
from charloom.study.baseline import chosen
from charloom.study.measuring import of_runs
from charloom.study.study_file import named
from paired.data_types import Measured

HEAD = "HEAD"
OTHER_PARAMS = "HEAD's own: dvc.lock says other params than params.yaml; `dvc repro` mends that"
MEASURES: tuple[str, ...] = get_args(Measure)
TWO_NEEDED = "`dvc exp run -S eta=0.05` makes another, `charloom study FILE` many; --table FILE reads any table"


class Experiment(NamedTuple):
    """A run as its commit holds it, and the id of the tree of its sources."""

    name: str
    commit: str
    run: Run
    sources: str


Trials = dict[str, dict[int, Experiment]]  # by setting and seed


def experiments_measured(
    measure: str = MEASURE, baseline: str | None = None, *, curves: bool = False, **declared: Any
) -> Measured:
    """Return it. Runs of another text than HEAD's, or of another part of it, are left out: that is no comparison.

    baseline  as `chosen` takes it; HEAD's own setting where none is named
    curves    read those too: they are most of what there is to read
    declared  `better`, `looks` and `smallest_difference` of Measured

    Raises WrongInput where the measure, the baseline, or anything to compare is missing.
    """
    if measure not in MEASURES:
        raise WrongInput(f"--measure: {in_line(measure)} is unknown; {allowed_are(MEASURES, measure)}")
    head, found, left_out = _there()
    kept = _of_one_text(found)
    if others := len(found) - len(kept):
        left_out["another text, or another part of it held out"] += others
    trials, twice = _trials(kept)
    warnings = [*(f"{_runs(count)} left out: {why}" for why, count in left_out.items()), *twice]
    if len(trials) < 2:
        there = f"one setting only in {_runs(len(kept))}" if kept else "no run with results"
        raise WrongInput(f"DVC's experiments and HEAD: {'; '.join([there, *warnings])}; {TWO_NEEDED}")
    if any(getattr(each.run.metrics, measure) is None for each in kept):
        raise WrongInput(f"--measure: no {measure}, as no text was held out; {allowed_are(MEASURES, measure)}")
    if "smooth_loss" in measure and len({each.run.params.loss_of for each in kept}) > 1:
        raise WrongInput(
            f"--measure: {measure} is smoothed nats per sequence, and settings differ in seq_length, batch or "
            f"train.order; {MEASURE} serves"
        )
    base = chosen(trials, baseline or _own(head, trials), "DVC's experiments and HEAD")
    trials = {base: trials[base]} | trials  # it comes first
    used = [each for group in trials.values() for each in group.values()]
    states = len({each.sources for each in used})
    if states > 1:
        warnings.append(f"they come from {states} states of src: where more than words was edited, that differs too")
    read = curves_of((each.name, each.commit) for each in used) if curves else repeat({})
    runs = {
        setting: {seed: each.run._replace(curves=next(read)) for seed, each in group.items()}
        for setting, group in trials.items()
    }
    params = {setting: next(iter(group.values())).run.params for setting, group in trials.items()}
    return of_runs(params, runs, measure, base, warnings, **declared)


def _runs(count: int) -> str:
    return f"{count:,} run{'' if count == 1 else 's'}"


def _of_one_text(found: list[Experiment]) -> list[Experiment]:
    """Return the runs measured on what HEAD's is, or, where HEAD has none, on what most are."""
    if not found:
        return []
    most = Counter(each.run.measured_on for each in found).most_common(1)[0][0]
    usual = found[0].run.measured_on if found[0].commit == HEAD else most
    return [each for each in found if each.run.measured_on == usual]


def _trials(kept: list[Experiment]) -> tuple[Trials, list[str]]:
    """Return the runs by setting and seed, in the order of what varies; of equal ones, the first.

    And a warning where two of one setting and seed have other results.
    """
    settings = [(flat_of(each.run.params), each) for each in kept]
    varying = [name for name in differing([each.run.params for each in kept]) if name != "seed"]
    trials, contradictions = Trials(), list[str]()
    for _, each in sorted(settings, key=lambda pair: [in_order(pair[0][name]) for name in [*varying, "seed"]]):
        name, seed = named(each.run.params, varying), each.run.seed
        before = trials.setdefault(name, {}).setdefault(seed, each)
        if before.run.metrics != each.run.metrics:
            contradictions.append(f"{before.name} and {each.name} ({name}, seed {seed})")
    if not contradictions:
        return trials, []
    many = "" if len(contradictions) == 1 else f" and {len(contradictions) - 1} more"
    why = f"equal params, other results: {contradictions[0]}{many}; the first of each counts: HEAD's, or the newest"
    return trials, [why]


def _own(head: Params, trials: Trials) -> str:
    """Return HEAD's own setting. Raises WrongInput where it has no results."""
    own = setting_params(head)
    for name, group in trials.items():
        if setting_params(next(iter(group.values())).run.params) == own:
            return name
    raise WrongInput(f"--baseline: HEAD's own setting has no results, name another; {allowed_are(trials, '')}")


def _there() -> tuple[Params, list[Experiment], Counter[str]]:
    """Return HEAD's params, all runs, HEAD's first and then the newest first, and why how many are left out.

    Raises WrongInput where this folder has no pipeline, no Git repository, or wrong params at its HEAD.
    """
    ensure_repository()
    commits = [(HEAD, HEAD), *_experiments()]
    head, *others = from_commits(commit for _, commit in commits)
    if head.params is None:
        raise WrongInput("HEAD: no commit with a params.yaml of this version of charloom")
    found, left_out = list[Experiment](), Counter[str]()
    for (name, commit), held in zip(commits, [head._replace(run=_of_head(head.run)), *others], strict=True):
        if isinstance(held.run, str):
            left_out[held.run] += 1
        else:
            found.append(Experiment(name, commit, held.run, held.sources))
    return head.params, found, left_out


def _experiments() -> list[tuple[str, str]]:
    """Return name and commit of each of DVC's experiments, the newest first.

    DVC's other refs are its queue, its stash, what it works on.
    """
    refs = git("for-each-ref", "--sort=-committerdate", "--format=%(objectname) %(refname)", "refs/exps")
    matches = (re.fullmatch(r"(\w+) refs/exps/[0-9a-f]{2}/[0-9a-f]{38,}/(.+)", line) for line in refs.split("\n"))
    return [(match[2], match[1]) for match in matches if match]


def _of_head(run: Run | str) -> Run | str:
    """Return HEAD's own run, or why it does not count: DVC commits an experiment whole, here somebody may have not."""
    if isinstance(run, str):
        return "HEAD's own: no results are committed"
    ((_, lock),) = objects([f"{HEAD}:./dvc.lock"])
    try:
        stages = stages_in(lock)
        then = [stages[stage].params for stage in ("prepare", "train")]
    except (Damaged, KeyError):
        return OTHER_PARAMS
    now = setting_params(run.params) | {"seed": run.seed}
    return OTHER_PARAMS if any(now.get(name, value) != value for each in then for name, value in each.items()) else run
