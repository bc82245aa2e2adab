"""Measurements from DVC's experiments and HEAD's own run. A setting is the params that differ, without the seed."""

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
from charloom.study.study_file import ensure_comparable, named
from paired.data_types import Measured

HEAD = "HEAD"
OTHER_PARAMS = "HEAD's dvc.lock has other params than HEAD's params.yaml; `dvc repro` corrects that"
MEASURES: tuple[str, ...] = get_args(Measure)
TWO_NEEDED = "`dvc exp run -S eta=0.05` makes another setting, `charloom study FILE` many; --table FILE reads any table"


class Experiment(NamedTuple):
    """The run of an experiment or of HEAD.

    name     DVC's name of the experiment, or HEAD
    commit   the commit's hash, or HEAD
    sources  Git's id of the commit's tree `src`
    """

    name: str
    commit: str
    run: Run
    sources: str


Trials = dict[str, dict[int, Experiment]]  # setting, then seed, to the experiment


def experiments_measured(
    measure: str = MEASURE, baseline: str | None = None, *, curves: bool = False, **declared: Any
) -> Measured:
    """Return the measurements of DVC's experiments and of HEAD's own run, with the baseline first.

    Only runs with the same text and the same held-out part as HEAD's run count. If HEAD has no run, those of the text
    and the held-out part that most runs have count. A warning says how many runs are left out.

    measure   a name of MEASURES
    baseline  as `chosen` takes it; None: HEAD's own setting
    curves    whether the curves are read, too; they are most of the data
    declared  `better`, `looks` and `smallest_difference` of Measured

    Raises WrongInput if the measure or the baseline is unknown, if runs lack the measure, if the measure cannot compare
    the settings, if there are fewer than two settings, or if this folder has no repository or pipeline.
    """
    if measure not in MEASURES:
        raise WrongInput(f"--measure: {in_line(measure)} is unknown; {allowed_are(MEASURES, measure)}")
    head, runs_read, left_out = _all_runs()
    comparable = _of_one_text(runs_read)
    if others := len(runs_read) - len(comparable):
        left_out["another text, or another part of it held out"] += others
    trials, twice = _trials(comparable)
    warnings = [*(f"{_runs(count)} left out: {why}" for why, count in left_out.items()), *twice]
    if len(trials) < 2:
        present = f"only one setting in {_runs(len(comparable))}" if comparable else "no run with results"
        raise WrongInput(f"DVC's experiments and HEAD: {'; '.join([present, *warnings])}; {TWO_NEEDED}")
    if any(getattr(trial.run.metrics, measure) is None for trial in comparable):
        raise WrongInput(f"--measure: no text was held out, so runs have no {measure}; smooth_loss is allowed")
    ensure_comparable(measure, [trial.run.params for trial in comparable], "--measure")
    base = chosen(trials, baseline or _own(head, trials), "DVC's experiments and HEAD")
    trials = {base: trials[base]} | trials  # the baseline comes first
    used = [trial for group in trials.values() for trial in group.values()]
    states = len({trial.sources for trial in used})
    if states > 1:
        warnings.append(f"the runs come from {states} states of src: edits of code are a difference between them, too")
    read = curves_of((trial.name, trial.commit) for trial in used) if curves else repeat({})
    runs = {
        setting: {seed: trial.run._replace(curves=next(read)) for seed, trial in group.items()}
        for setting, group in trials.items()
    }
    params = {setting: next(iter(group.values())).run.params for setting, group in trials.items()}
    return of_runs(params, runs, measure, base, warnings, **declared)


def _runs(count: int) -> str:
    return f"{count:,} run{'' if count == 1 else 's'}"


def _of_one_text(experiments: list[Experiment]) -> list[Experiment]:
    """Return the runs measured on the same held-out text as HEAD's run; without a run of HEAD, on the most frequent."""
    if not experiments:
        return []
    most = Counter(experiment.run.measured_on for experiment in experiments).most_common(1)[0][0]
    usual = experiments[0].run.measured_on if experiments[0].commit == HEAD else most
    return [experiment for experiment in experiments if experiment.run.measured_on == usual]


def _trials(experiments: list[Experiment]) -> tuple[Trials, list[str]]:
    """Return the runs by setting and seed, sorted by the values of the params that vary, and a list of warnings.

    If several runs have the same setting and seed, the first one counts. There is one warning if such runs have
    different results, else none.
    """
    settings = [(flat_of(experiment.run.params), experiment) for experiment in experiments]
    varying = [name for name in differing([experiment.run.params for experiment in experiments]) if name != "seed"]
    trials, contradictions = Trials(), list[str]()
    for _, experiment in sorted(settings, key=lambda pair: [in_order(pair[0][name]) for name in [*varying, "seed"]]):
        name, seed = named(experiment.run.params, varying), experiment.run.params.seed
        before = trials.setdefault(name, {}).setdefault(seed, experiment)
        if before.run.metrics != experiment.run.metrics:
            contradictions.append(f"{before.name} and {experiment.name} ({name}, seed {seed})")
    if not contradictions:
        return trials, []
    many = "" if len(contradictions) == 1 else f" and {len(contradictions) - 1} more"
    why = f"equal params, different results: {contradictions[0]}{many}; the first of each counts: HEAD's, or the newest"
    return trials, [why]


def _own(head: Params, trials: Trials) -> str:
    """Return the name of the setting with HEAD's params. Raises WrongInput if no run has this setting."""
    own = setting_params(head)
    for name, group in trials.items():
        if setting_params(next(iter(group.values())).run.params) == own:
            return name
    raise WrongInput(f"--baseline: HEAD's own setting has no results; name another setting; {allowed_are(trials, '')}")


def _all_runs() -> tuple[Params, list[Experiment], Counter[str]]:
    """Return HEAD's params, the runs of HEAD and all experiments, and how many runs were left out, by reason.

    HEAD's run comes first, then those of experiments, the newest first. Raises WrongInput if there is no Git
    repository, no pipeline, or no valid params.yaml at HEAD.
    """
    ensure_repository()
    commits = [(HEAD, HEAD), *_experiments()]
    head, *others = from_commits(commit for _, commit in commits)
    if head.params is None:
        raise WrongInput("HEAD: this commit has no params.yaml that this version of charloom can read")
    runs, left_out = list[Experiment](), Counter[str]()
    for (name, commit), held in zip(commits, [head._replace(run=_of_head(head.run)), *others], strict=True):
        if isinstance(held.run, str):
            left_out[held.run] += 1
        else:
            runs.append(Experiment(name, commit, held.run, held.sources))
    return head.params, runs, left_out


def _experiments() -> list[tuple[str, str]]:
    """Return the name and the commit's hash of each of DVC's experiments, the newest first.

    Refs of DVC that are no experiments are left out: the queue, the stash, and temporary ones.
    """
    refs = git("for-each-ref", "--sort=-committerdate", "--format=%(objectname) %(refname)", "refs/exps")
    matches = (re.fullmatch(r"(\w+) refs/exps/[0-9a-f]{2}/[0-9a-f]{38,}/(.+)", line) for line in refs.split("\n"))
    return [(match[2], match[1]) for match in matches if match]


def _of_head(run: Run | str) -> Run | str:
    """Return HEAD's own run, or the reason to leave it out, as text.

    HEAD, unlike an experiment, can have no results, or params.yaml and dvc.lock that do not fit together.
    """
    if isinstance(run, str):
        return "HEAD has no committed results"
    ((_, lock),) = objects([f"{HEAD}:./dvc.lock"])
    try:
        stages = stages_in(lock)
        recorded = [stages[stage].params for stage in ("prepare", "train")]
    except (Damaged, KeyError):
        return OTHER_PARAMS
    now = setting_params(run.params) | {"seed": run.params.seed}
    return OTHER_PARAMS if any(now.get(name, value) != value for x in recorded for name, value in x.items()) else run
