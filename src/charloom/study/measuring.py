"""Make Measured, the input of the statistics in seedpairs, from runs; for a study also from the study's warnings."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from charloom.core.base.words import number_of
from charloom.core.config.params import Params, flat_of
from charloom.core.config.records import DEFAULT_MEASURE, PART_MEASURE, Measure
from charloom.core.training.headline import TRAINED
from charloom.results.run import Run
from charloom.study.setting_names import levels_of
from charloom.study.study_file import Study, Trial
from seedpairs import answered, sentences
from seedpairs.data_types import Analysis, Measured, Measurement
from seedpairs.factors import inseparable
from seedpairs.seeds_needed import UNKNOWN

MORE_TEXT = (  # a warning
    "settings read different amounts of text (updates times batch times seq_length): a gain may be due to more text "
    "alone"
)
ONE_SEED = "one seed can never tell which setting is better: a verdict needs two seeds or more, and five are usual"
EXPLODED = (  # words for a training
    "diverged, failed, or ended worse than a uniform guess, which gives all characters the same probability. Diverged: "
    "the loss or a gradient was no longer finite, and training stopped"
)


def study_measurements(study: Study, trials: Mapping[str, list[Trial]] | None = None) -> Measured:
    """Return the measurements of those trials that have run, with the study's warnings.

    trials  trials by setting; None: all trials of the study
    """
    done = {
        setting: {trial.params.seed: study.runs[trial.key] for trial in trials_of_setting if trial.key in study.runs}
        for setting, trials_of_setting in (trials or study.trials()).items()
    }
    question = study.question
    # Without declared looks the one look is at all seeds, or at the first answer if there are more seeds by now.
    looks = tuple(question.looks or [study.first_analysis or len(question.seeds)])
    title = question.title or ""
    if reused := study.frozen.reused:  # a look that no number of seeds reaches: nothing is tested
        looks, title = (len(question.seeds) + 1,), f"No claim, because {reused}{f': {title}' if title else ''}"
    results = of_runs(
        study.settings, done, question.measure, study.baseline, _warnings(study), looks=looks,
        smallest_difference=question.smallest_difference, title=title, names=study.names,
    )  # fmt: skip
    return replace(results, target="") if question.text else results  # the target is for params.yaml's text


def before_it_starts(study: Study) -> list[str]:
    """Return lines to print before the training: on a single seed, on inseparable factors, and the study's warnings.

    Factors are inseparable if they change together in all settings. The warning about a short study is left out: it
    limits the answer, and stands beside it.
    """
    analysis = answered(study_measurements(study))
    warnings = (warning for warning in analysis.warnings if warning not in _shortness(study))
    return [*([ONE_SEED] if len(study.question.seeds) == 1 else []), *sentences.parted(analysis), *warnings]


def advised(study: Study, analysis: Analysis) -> tuple[int, str]:
    """Return the number of seeds that a new study needs for the verdicts that the answer lacks, and the same in words.

    The result is 0 and "" if the answer has all verdicts, or if the study declares looks.
    """
    needs = [row.more_seeds for row in analysis.comparisons if row.more_seeds]
    if not needs or study.question.looks or study.frozen.reused:
        return 0, ""
    number = (study.first_analysis or len(study.question.seeds)) + max(most or least for least, most in needs)
    if UNKNOWN in needs:
        return number, f"an unknown number of other seeds, at least {number}"
    return number, f"{'about' if all(most for _, most in needs) else 'at least'} {number} other seeds"


def _warnings(study: Study) -> Iterator[str]:
    """Yield the warnings that apply to the study. There are five:

    1. At the first start, params.yaml differed from HEAD's in a param that the question leaves open.
    2. Some params change together in all settings. The warning has a `vary` that would separate their effects.
    3. All settings have fewer updates, and read less text, than the training of params.yaml.
    4. Seeds were added after an answer, and the study declares no looks.
    5. Other questions about the baseline had been answered before.
    """
    if differs := study.frozen.left_open:
        yield f"all other params are those of params.yaml at the first start, which differed from HEAD's: {differs}"

    settings = [flat_of(params) for params in study.settings.values()]
    levels = dict(zip(study.settings, levels_of(study.settings.values()), strict=True))
    for group in (names for names in inseparable(levels) if len(names) > 1):
        values = {name: list(dict.fromkeys(flat[name] for flat in settings)) for name in group}
        yield f"a study with `vary: {json.dumps(values)}` separates {sentences.listed(group)}"

    yield from _shortness(study)

    if first := study.first_analysis:
        more = number_of(len(study.question.seeds) - first, "more seed")
        yield (
            f"an answer was given at {number_of(first, 'seed')}, and no looks were declared: {more} shown, but not "
            "tested; only a new study with new seeds tests again"
        )
    if earlier := study.frozen.earlier:
        yield f"this is question {earlier + 1} about this baseline on this text: each question has its own 5 %"


def _shortness(study: Study) -> list[str]:
    """Return the warning about a short study in a list, which is empty if the warning does not apply."""
    updates, whole = max(params.train.updates for params in study.settings.values()), study.frozen.params
    reads = max(params.train.updates * params.characters for params in study.settings.values())
    if updates >= whole.train.updates or reads >= whole.train.updates * whole.characters:
        return []
    has = f"a whole training has {whole.train.updates:,}, and may have another result"
    return [f"a short study: {updates:,} updates; {has}"]


def of_runs(
    params: Mapping[str, Params], runs: Mapping[str, Mapping[int, Run]], measure: Measure, baseline: str,
    warnings: Iterable[str] = (), better: str | None = None, **declared: Any,
) -> Measured:  # fmt: skip
    """Return the measurements of the runs. A warning is added if settings read different amounts of text.

    params    params of each setting, with any seed
    runs      the runs by setting and seed
    baseline  name of the setting that the others are compared with
    warnings  the caller's warnings
    better    "lower" or "higher"; None: the measure's own direction
    declared  `looks`, `smallest_difference`, `title` and `names` of Measured
    """
    one_length = len({x.loss_of for x in params.values()}) == 1
    amounts = {name: float(x.train.updates * x.characters) for name, x in params.items()}
    budgets = {x.train.updates for x in params.values()}
    targets = {x.train.target_smooth_loss for x in params.values()}
    ended = [run for x in runs.values() for run in x.values() if run.metrics]
    names = (PART_MEASURE, "smooth_loss") if one_length else (PART_MEASURE,)  # the loss is in nats per sequence
    return Measured(
        settings={key: {seed: _of_run(run, measure) for seed, run in x.items()} for key, x in runs.items()},
        curves={
            name: {key: {seed: run.curves[name] for seed, run in x.items()} for key, x in runs.items()}
            for name in names
            if all(run.curves.get(name) for run in ended)
        },
        measure=measure.value, better=better or measure.better, baseline=baseline,
        levels=dict(zip(params, levels_of(params.values()), strict=True)),
        target=f"smooth loss below {min(targets):g}" if one_length and len(targets) == 1 else "",
        budget=min(budgets) if len(budgets) == 1 else None, amounts=amounts, amount="text read", exploded=EXPLODED,
        part="passages of the held-out text",
        warnings=(*warnings, MORE_TEXT) if len({*amounts.values()}) > 1 else (*warnings,),
        **declared,
    )  # fmt: skip


def _of_run(run: Run, measure: Measure) -> Measurement:
    if run.metrics is None:
        return Measurement(None, exploded=True)
    value, reached = getattr(run.metrics, measure), run.metrics.first_update_below_target
    return Measurement(value, run.outcome != TRAINED, reached, run.passages if measure == DEFAULT_MEASURE else ())
