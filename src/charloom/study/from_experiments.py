"""Measurements from DVC's experiments and HEAD's own run. A setting is the params that differ, without the seed."""

from collections import Counter
from contextlib import suppress
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
from charloom.study.baseline import chosen, setting_name
from charloom.study.measuring import of_runs
from charloom.study.study_file import ensure_comparable, levels_of
from paired.data_types import Measured
from paired.numbers import number_of

HEAD = "HEAD"
OTHER_PARAMS = "HEAD's dvc.lock has other params than HEAD's params.yaml; `dvc repro` corrects that"
MEASURES: tuple[str, ...] = get_args(Measure)
TWO_NEEDED = "`dvc exp run -S eta=0.05` makes another setting, `charloom study FILE` many; --table FILE reads any table"


class Experiment(NamedTuple):
    """The run of an experiment or of HEAD.

    name     DVC's name of the experiment, or HEAD
    commit   the commit's hash, or HEAD
    run      the run
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
    head, comparable, left_out = _comparable(curves=curves)
    trials, warnings = _trials(comparable)
    warnings = [*(f"{number_of(count, 'run')} left out: {why}" for why, count in left_out.items()), *warnings]
    if len(trials) < 2:
        present = f"only one setting in {number_of(len(comparable), 'run')}" if comparable else "no run with results"
        raise WrongInput(f"DVC's experiments and HEAD: {'; '.join([present, *warnings])}; {TWO_NEEDED}")
    params = {setting: next(iter(own.values())).run.params for setting, own in trials.items()}
    if any(getattr(one.run.metrics, measure) is None for one in comparable):
        raise WrongInput(f"--measure: no text was held out, so runs have no {measure}; smooth_loss is allowed")
    ensure_comparable(measure, params.values(), "--measure")
    base = chosen(trials, baseline or _own(head, params), "DVC's experiments and HEAD")
    if (states := len({one.sources for one in comparable})) > 1:
        warnings.append(f"the runs come from {states} states of src: edits of code are a difference between them, too")
    base_first = {base: trials[base]} | trials
    runs = {setting: {seed: one.run for seed, one in own.items()} for setting, own in base_first.items()}
    return of_runs(params, runs, measure, base, warnings, **declared)


def _comparable(*, curves: bool) -> tuple[Params, list[Experiment], Counter[str]]:
    """Return HEAD's params, the runs measured on one held-out text, and how many runs were left out, by reason.

    HEAD's run comes first, then those of experiments, the newest first, with their curves if `curves`. The held-out
    text is that of HEAD's run, or else the most frequent. Raises WrongInput if there is no Git repository, no pipeline,
    or no valid params.yaml at HEAD.
    """
    ensure_repository()
    commits = [(HEAD, HEAD), *_experiments()]
    head, *others = from_commits(commit for _, commit in commits)
    if head.params is None:
        raise WrongInput("HEAD: this commit has no params.yaml that this version of charloom can read")
    experiments, left_out = list[Experiment](), Counter[str]()
    for (name, commit), held in zip(commits, [head._replace(run=_of_head(head.run)), *others], strict=True):
        if isinstance(held.run, str):
            left_out[held.run] += 1
        else:
            experiments.append(Experiment(name, commit, held.run, held.sources))
    of_head = [experiment.run.measured_on for experiment in experiments if experiment.commit == HEAD]
    counts = Counter(of_head or [experiment.run.measured_on for experiment in experiments])
    usual = max(counts, key=counts.__getitem__, default=None)
    comparable = [experiment for experiment in experiments if experiment.run.measured_on == usual]
    left_out["another text, or another part of it held out"] += len(experiments) - len(comparable)
    if curves:
        read = curves_of((experiment.name, experiment.commit) for experiment in comparable)
        comparable = [experiment._replace(run=experiment.run._replace(curves=next(read))) for experiment in comparable]
    return head.params, comparable, +left_out  # without counts of 0


def _experiments() -> list[tuple[str, str]]:
    """Return the name and the commit's hash of each of DVC's experiments, the newest first.

    Refs of DVC that are no experiments are left out: the queue, the stash, and temporary ones.
    """
    refs = git("for-each-ref", "--sort=-committerdate", "--format=%(objectname) %(refname)", "refs/exps/??/*/**")
    lines = [line.partition(" ") for line in refs.split("\n") if line]
    return [(ref.split("/", 4)[4], commit) for commit, _, ref in lines]


def _of_head(run: Run | str) -> Run | str:
    """Return HEAD's own run, or the reason to leave it out, as text.

    HEAD, unlike an experiment, can have no results, or params.yaml and dvc.lock that do not fit together.
    """
    if isinstance(run, str):
        return "HEAD has no committed results"
    ((_, lock),) = objects([f"{HEAD}:./dvc.lock"])
    now = setting_params(run.params) | {"seed": run.params.seed}
    with suppress(Damaged, KeyError):
        stages = stages_in(lock)
        recorded = {**stages["prepare"].params, **stages["train"].params}
        if all(now.get(name, value) == value for name, value in recorded.items()):
            return run
    return OTHER_PARAMS


def _trials(experiments: list[Experiment]) -> tuple[Trials, list[str]]:
    """Return the runs by setting and seed, sorted by the values of the params that vary, and a list of warnings.

    If several runs have the same setting and seed, the first one counts. There is one warning if such runs have
    different results, else none.
    """
    varying = [name for name in differing([experiment.run.params for experiment in experiments]) if name != "seed"]

    def place(experiment: Experiment) -> list[Any]:
        values = flat_of(experiment.run.params)
        return [in_order(values[name]) for name in [*varying, "seed"]]

    trials, contradictions = Trials(), list[str]()
    for experiment in sorted(experiments, key=place):
        name, seed = setting_name(levels_of(experiment.run.params, varying)), experiment.run.params.seed
        before = trials.setdefault(name, {}).setdefault(seed, experiment)
        if before.run.metrics != experiment.run.metrics:
            contradictions.append(f"{before.name} and {experiment.name} ({name}, seed {seed})")
    if not contradictions:
        return trials, []
    many = "" if len(contradictions) == 1 else f" and {len(contradictions) - 1} more"
    why = f"equal params, different results: {contradictions[0]}{many}; the first of each counts: HEAD's, or the newest"
    return trials, [why]


def _own(head: Params, settings: dict[str, Params]) -> str:
    """Return the name of the setting with HEAD's params. Raises WrongInput if no run has this setting."""
    own = setting_params(head)
    for name, params in settings.items():
        if setting_params(params) == own:
            return name
    named = allowed_are(settings, "")
    raise WrongInput(f"--baseline: HEAD's own setting has no results; name another setting; {named}")
