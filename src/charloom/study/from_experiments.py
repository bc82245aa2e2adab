"""Measurements of DVC's experiments and of HEAD's own run. A setting is the params that differ, without the seed."""

from collections import Counter
from contextlib import suppress
from operator import itemgetter
from typing import Any

from charloom.core.base.errors import Damaged, WrongInput, allowed_are
from charloom.core.base.git import git
from charloom.core.base.words import in_line, listed, number_of
from charloom.core.config.params import Params, flat_of, sort_key
from charloom.core.config.pipeline import ensure_repository
from charloom.core.config.records import DEFAULT_MEASURE, NATS, Measure
from charloom.results.commits import from_commits
from charloom.results.dvc_lock import stages_in
from charloom.results.git import objects
from charloom.results.keys import differing, setting_params
from charloom.results.run import Run
from charloom.study.measuring import of_runs
from charloom.study.setting_names import levels_of
from charloom.study.study_file import ensure_comparable
from seedpairs.data_types import Measured
from seedpairs.names import find_setting, setting_name

SECOND_SETTING_HINT = "`dvc exp run -S eta=0.05` makes another setting, `charloom study FILE` many"


def measure_experiments(name: str = DEFAULT_MEASURE, baseline: str | None = None, **declared: Any) -> Measured:
    """Return the measurements of DVC's experiments and of HEAD's own run, with the baseline first.

    Only runs with the same text and the same held-out part as HEAD's run count. If HEAD has no run, only runs with the
    most frequent text and held-out part count. A warning says how many runs are left out.

    name      the name of a Measure
    baseline  as `find_setting` takes it; None: HEAD's own setting
    declared  as `of_runs` takes it

    Raises WrongInput if the measure or the baseline is unknown, if runs lack the measure, if the measure cannot compare
    the settings, if there are fewer than two settings, or if this folder has no repository or pipeline.
    """
    if (measure := Measure.from_name(name)) is None:
        raise WrongInput(f"--measure: {in_line(name)} is unknown; {allowed_are(Measure, name)}")
    head, comparable, warnings = _comparable()
    trials, contradictions = _by_setting([run for run, _ in comparable])
    warnings += contradictions
    if len(trials) < 2:
        present = f"only one setting in {number_of(len(comparable), 'run')}" if comparable else "no run with results"
        raise WrongInput(f"DVC's experiments and HEAD: {'; '.join([present, *warnings])}; {SECOND_SETTING_HINT}")
    params = {setting: next(iter(head_setting.values())).params for setting, head_setting in trials.items()}
    if lacking := [run.metrics for run, _ in comparable if getattr(run.metrics, measure) is None]:
        if measure.unit != NATS and getattr(lacking[0], DEFAULT_MEASURE) is None:
            raise WrongInput(f"--measure: no text was held out, so runs have no {measure}; smooth_loss is allowed")
        lack = f"{number_of(len(lacking), 'run')} of another version of charloom without {measure}"
        raise WrongInput(f"--measure: {lack}; `dvc exp run` trains them again, and {DEFAULT_MEASURE} is allowed")
    ensure_comparable(measure, params.values(), "--measure")
    head_setting = next((name for name in params if setting_params(params[name]) == setting_params(head)), None)
    if not (baseline or head_setting):
        allowed = allowed_are(params, "")
        raise WrongInput(f"--baseline: HEAD's own setting has no results; name another setting; {allowed}")
    base = find_setting(trials, baseline or head_setting, "DVC's experiments and HEAD")
    if (states := len({sources for _, sources in comparable})) > 1:
        warnings.append(f"the runs come from {states} states of src: edits of code are a difference between them, too")
    return of_runs(params, {base: trials[base]} | trials, measure, base, warnings, **declared)


def _comparable() -> tuple[Params, list[tuple[Run, str]], list[str]]:
    """Return HEAD's params, the runs measured on one held-out text, and a warning for each reason to leave runs out.

    A run comes with Git's id of its commit's folder `src`. HEAD's run is first, then
    the runs of experiments, the newest first. The held-out text is that of HEAD's run, or else the most frequent. Refs
    of DVC that are no experiments are left out: the queue, the stash, and temporary ones. Raises WrongInput if there is
    no Git repository, no pipeline, or no valid params.yaml at HEAD.
    """
    ensure_repository()
    refs = git("for-each-ref", "--sort=-committerdate", "--format=%(objectname)", "refs/exps/??/*/**")
    commits = ["HEAD", *refs.split()]
    head, *others = from_commits(commits)
    if head.params is None:
        why = "this commit has no params.yaml that this version of charloom can read"
        raise WrongInput(f"HEAD: {why}; commit a valid params.yaml")
    runs, sources, left_out = dict[str, Run](), dict[str, str](), Counter[str]()
    for commit, content in zip(commits, [head._replace(run=_of_head(head.run)), *others], strict=True):
        if isinstance(content.run, str):
            left_out[content.run] += 1
        else:
            runs[commit], sources[commit] = content.run, content.sources
    texts = [run.measured_on for run in runs.values()]
    usual = texts[0] if "HEAD" in runs else max(texts, key=texts.count, default=None)
    comparable = [commit for commit, run in runs.items() if run.measured_on == usual]
    left_out["another text, or another part of it held out"] = len(runs) - len(comparable)
    warnings = [f"{number_of(count, 'run')} left out: {why}" for why, count in left_out.items() if count]
    return head.params, [(runs[commit], sources[commit]) for commit in comparable], warnings


def _of_head(run: Run | str) -> Run | str:
    """Return HEAD's own run, or the reason to leave it out, as text.

    HEAD, unlike an experiment, can have no results, or params.yaml and dvc.lock that do not fit together.
    """
    if isinstance(run, str):
        return "HEAD has no committed results"
    ((_, lock),) = objects(["HEAD:./dvc.lock"])
    present = setting_params(run.params) | {"seed": run.params.seed}
    with suppress(Damaged, KeyError):
        stages = stages_in(lock)
        recorded = {**stages["prepare"].params, **stages["train"].params}
        if all(present.get(name, value) == value for name, value in recorded.items()):
            return run
    return "HEAD's dvc.lock has other params than HEAD's params.yaml; `dvc repro` corrects that"


def _by_setting(runs: list[Run]) -> tuple[dict[str, dict[int, Run]], list[str]]:
    """Return the runs by setting and seed, sorted by the values of the params that vary, and a list of warnings.

    If several runs have the same setting and seed, the first one counts. There is one warning if such runs have
    different results, else none.
    """
    params, trials, contradictions = [run.params for run in runs], dict[str, dict[int, Run]](), list[str]()
    varying = [*(name for name in differing(params) if name != "seed"), "seed"]
    keys = [[sort_key(values[name]) for name in varying] for values in map(flat_of, params)]
    rows = sorted(zip(keys, map(setting_name, levels_of(params)), runs, strict=True), key=itemgetter(0))
    for _, name, run in rows:
        if trials.setdefault(name, {}).setdefault(run.params.seed, run).metrics != run.metrics:
            contradictions.append(f"{name}, seed {run.params.seed}")
    if not contradictions:
        return trials, []
    which = f"{listed(contradictions, 1)}; the first of each counts: HEAD's, or the newest"
    return trials, [f"equal params, different results: {which}"]
