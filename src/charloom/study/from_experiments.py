"""What DVC's experiments, and HEAD's own run, measured. A setting is what differs between them, but for the seed."""

from collections import Counter
from itertools import repeat
from typing import Any, get_args

from charloom.base.errors import WrongInput, allowed_are
from charloom.base.terminal import in_line
from charloom.results.commits import curves_of
from charloom.results.identity import setting_params
from charloom.results.records import MEASURE, Measure
from charloom.settings.params import Params
from charloom.study.baseline import chosen
from charloom.study.experiments import HEAD, Experiment, experiments
from charloom.study.measuring import of_runs
from charloom.study.study_file import named
from paired.data_types import Measured

MEASURES: tuple[str, ...] = get_args(Measure)
TWO_NEEDED = "`dvc exp run -S eta=0.05` makes another, `charloom study FILE` many; --table FILE reads any table"

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
    head, found, left_out = experiments()
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
    if "smooth_loss" in measure and len({each.run.params.seq_length for each in kept}) > 1:
        raise WrongInput(
            f"--measure: {measure} is nats per sequence, and settings differ in seq_length; {MEASURE} serves"
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
    settings = [(setting_params(each.run.params), each) for each in kept]
    varying = [name for name in (settings[0][0] if kept else {}) if len({params[name] for params, _ in settings}) > 1]
    trials, contradictions = Trials(), list[str]()
    for _, each in sorted(settings, key=lambda pair: [*(pair[0][name] for name in varying), pair[1].run.seed]):
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
    named = setting_params(head)
    for name, group in trials.items():
        if setting_params(next(iter(group.values())).run.params) == named:
            return name
    raise WrongInput(f"--baseline: HEAD's own setting has no results, name another; {allowed_are(trials, '')}")
