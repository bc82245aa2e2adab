"""Convert runs into measurements for the statistics in src/paired: runs of a study, or any runs by setting and seed."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from charloom.base.terminal import in_line
from charloom.results.records import MEASURE, MEASURE_OF_PART
from charloom.results.run import TRAINED, Run
from charloom.settings.params import Params, flat_of
from charloom.study.study_file import Study, Trial, levels_of
from paired import answered
from paired.data_types import Measured, Measurement
from paired.factors import inseparable
from paired.numbers import number_of
from paired.sentences import listed, parted

MORE_TEXT = (  # a warning
    "settings read different amounts of text (updates times batch times seq_length): a gain may be due to more text "
    "alone"
)
ONE_SEED = "one seed can never tell which setting is better: a verdict needs two seeds or more, and five are usual"
EXPLODED = (  # words for a training
    "diverged, failed, or ended worse than a uniform guess, which gives all characters the same probability. Diverged: "
    "the loss or a gradient was no longer finite, and training stopped"
)


def measured(study: Study, trials: Mapping[str, list[Trial]] | None = None) -> Measured:
    """Return the measurements of those trials that have run, with the study's warnings.

    trials  trials by setting; None: all trials of the study
    """
    done = {
        setting: {trial.seed: study.runs[trial.key] for trial in own if trial.key in study.runs}
        for setting, own in (trials or study.trials()).items()
    }
    results = of_runs(
        study.settings, done, study.question.measure, study.baseline,
        better="lower",
        # Without declared looks the one look is at all seeds, or at the first answer if there are more seeds by now.
        looks=tuple(study.question.looks or [study.first_answer or len(study.question.seeds)]),
        smallest_difference=study.question.smallest_difference,
        title=study.question.title or "",
    )  # fmt: skip
    return replace(
        results,
        warnings=(*_warnings(study, results), *results.warnings),
        target="" if study.question.text else results.target,  # the target is for params.yaml's text
    )


def with_new_seeds(study: Study, more: int = 0) -> str:
    """Return, in words, a study that asks the same with seeds not used here: as many as now, plus `more`."""
    first, count = max(study.question.seeds) + 1, len(study.question.seeds) + more
    return f"a copy of {in_line(str(study.path))} with `seeds: {[*range(first, first + count)]}`"


def before_it_starts(study: Study) -> list[str]:
    """Return lines to print before the training: on a single seed, on inseparable factors, and the study's warnings.

    Factors are inseparable if they change together in all settings.
    """
    answer = answered(measured(study))
    return [*[ONE_SEED] * (len(study.question.seeds) == 1), *parted(answer), *answer.warnings]


def _warnings(study: Study, results: Measured) -> Iterator[str]:
    """Yield the study's warnings, each if it applies.

    1. At the first start, params.yaml differed from HEAD's in a param that the question leaves open.
    2. Params change together in all settings: which `vary` separates them, for each group of such params.
    3. All settings have fewer updates, and read less text, than the training of params.yaml.
    4. Seeds were added after an answer, and the study declares no looks.
    """
    if differs := study.asked.left_open:
        yield f"all other params are those of params.yaml at the first start, which differed from HEAD's: {differs}"

    settings = [flat_of(params) for params in study.settings.values()]
    for group in (names for names in inseparable(results.levels) if len(names) > 1):
        values = {name: list(dict.fromkeys(own[name] for own in settings)) for name in group}
        yield f"a study with `vary: {json.dumps(values)}` separates {listed(group)}"

    whole = study.asked.params
    most = max(params.train.updates for params in study.settings.values())
    if most < whole.train.updates and max(results.amounts.values()) < whole.train.updates * whole.characters:
        has = f"a whole training has {whole.train.updates:,}, and may have another result"
        yield f"a short study: {most:,} updates; {has}"

    if first := study.first_answer:
        more = len(study.question.seeds) - first
        yield (
            f"an answer was given at {number_of(first, 'seed')}, and no looks were declared: so {more} more "
            f"{'is' if more == 1 else 'are'} shown, but not tested; a new study with new seeds tests again: "
            f"{with_new_seeds(study)}"
        )


def of_runs(
    params: Mapping[str, Params], runs: Mapping[str, Mapping[int, Run]], measure: str, baseline: str,
    warnings: Iterable[str] = (), **declared: Any,
) -> Measured:  # fmt: skip
    """Return the measurements of the runs. A warning is added if settings read different amounts of text.

    params    params of each setting, with any seed
    runs      the runs by setting and seed
    measure   a name of TrainMetrics
    baseline  name of the setting that the others are compared with
    warnings  the caller's warnings
    declared  `better`, `looks`, `smallest_difference` and `title` of Measured
    """
    one_length = len({own.loss_of for own in params.values()}) == 1
    amounts = {name: float(own.train.updates * own.characters) for name, own in params.items()}
    budgets = {own.train.updates for own in params.values()}
    targets = {own.train.target_smooth_loss for own in params.values()}
    ended = [run for own in runs.values() for run in own.values() if run.metrics]
    names = (MEASURE_OF_PART, "smooth_loss") if one_length else (MEASURE_OF_PART,)  # the loss is in nats per sequence
    return Measured(
        measure=measure,
        baseline=baseline,
        settings={key: {seed: _measurement(run, measure) for seed, run in own.items()} for key, own in runs.items()},
        curves={
            name: {key: {seed: run.curves[name] for seed, run in own.items()} for key, own in runs.items()}
            for name in names
            if all(run.curves.get(name) for run in ended)
        },
        target=f"smooth loss below {min(targets):g}" if one_length and len(targets) == 1 else "",
        budget=min(budgets) if len(budgets) == 1 else None,
        warnings=(*warnings, *[MORE_TEXT] * (len({*amounts.values()}) > 1)),
        exploded=EXPLODED,
        levels=dict(zip(params, levels_of(params.values()), strict=True)),
        amounts=amounts,
        amount="text read",
        part="passages of the held-out text",
        **declared,
    )


def _measurement(run: Run, measure: str) -> Measurement:
    if run.metrics is None:
        return Measurement(None, exploded=True)
    value, reached = getattr(run.metrics, measure), run.metrics.first_update_below_target
    return Measurement(value, run.outcome != TRAINED, reached, run.passages if measure == MEASURE else ())
