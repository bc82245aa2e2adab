"""What DVC's experiments, and HEAD's own run, measured. A setting is what differs between them, but for the seed."""

from collections import Counter
from typing import Any

from charloom.base.errors import WrongInput, allowed_are
from charloom.base.terminal import in_line
from charloom.results.commits import curves_of
from charloom.results.identity import setting_params
from charloom.results.records import MEASURE, TrainMetrics
from charloom.settings.params import Params
from charloom.study.baseline import EXPLODED, MORE_TEXT, chosen, setting_name
from charloom.study.experiments import HEAD, Experiment, experiments
from charloom.study.measuring import measurement
from paired.data_types import Curve, Measured, Seed

MEASURES = tuple(name for name, field in TrainMetrics.model_fields.items() if field.annotation in {float, float | None})
TWO_NEEDED = "`dvc exp run -S eta=0.05` makes another, `charloom study FILE` many; --table FILE reads any table"

Trials = dict[str, dict[Seed, Experiment]]  # by setting and seed


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
    one_length = len({each.run.params.seq_length for each in kept}) == 1  # only then smooth losses compare
    if "smooth_loss" in measure and not one_length:
        raise WrongInput(
            f"--measure: {measure} is nats per sequence, and settings differ in seq_length; {MEASURE} serves"
        )
    base = chosen(trials, baseline or _own(head, trials), "DVC's experiments and HEAD")
    trials = {base: trials[base]} | trials  # it comes first
    states = len({each.sources for group in trials.values() for each in group.values()})
    if states > 1:
        warnings.append(f"they come from {states} states of src: where more than words was edited, that differs too")
    if len({each.run.params.train.updates * each.run.params.seq_length for each in kept}) > 1:
        warnings.append(MORE_TEXT)
    budgets = {each.run.params.train.updates for each in kept}
    targets = {each.run.params.train.target_smooth_loss for each in kept}
    return Measured(
        measure=measure,
        baseline=base,
        settings={
            name: {seed: measurement(each.run, measure) for seed, each in group.items()}
            for name, group in trials.items()
        },
        curves=_curves(trials, one_length) if curves else {},
        target=f"smooth loss below {min(targets):g}" if one_length and len(targets) == 1 else "",
        budget=min(budgets) if len(budgets) == 1 else None,
        warnings=tuple(warnings),
        exploded=EXPLODED,
        **declared,
    )


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
    named = [(setting_params(each.run.params), each) for each in kept]
    varying = [name for name in (named[0][0] if named else {}) if len({params[name] for params, _ in named}) > 1]
    trials, contradictions = Trials(), list[str]()
    for params, each in sorted(named, key=lambda pair: [*(pair[0][name] for name in varying), pair[1].run.seed]):
        values = (str(params[name]).removesuffix(".0") for name in varying)
        name, seed = setting_name(varying, values), each.run.seed
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


def _curves(trials: Trials, one_length: bool) -> dict[str, dict[str, dict[Seed, Curve]]]:
    """Return the curves by name, setting and seed, but for those that do not compare, or have no point."""
    runs = [(setting, seed, each) for setting, group in trials.items() for seed, each in group.items()]
    found: dict[str, dict[str, dict[Seed, Curve]]] = {}
    for (setting, seed, _), curves in zip(runs, curves_of((e.name, e.commit) for _, _, e in runs), strict=True):
        for name, curve in curves.items():
            found.setdefault(name, {}).setdefault(setting, {})[seed] = curve
    return {
        name: by_setting
        for name, by_setting in found.items()
        if (one_length or name != "smooth_loss")
        and all(curve for each in by_setting.values() for curve in each.values())
    }
