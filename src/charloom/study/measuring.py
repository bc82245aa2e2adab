"""What runs came to, as the statistics take it: a study's trials, or any others by setting and seed."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from charloom.results.identity import differing, naming_params
from charloom.results.records import MEASURE_OF_PART
from charloom.results.run import TRAINED, Run
from charloom.settings.params import Params, as_yaml
from charloom.study.study_file import Study
from charloom.study.trial import Trial, trials_of
from paired import answered
from paired.data_types import Measured, Measurement
from paired.factors import inseparable
from paired.numbers import number_of
from paired.sentences import listed, parted

MORE_TEXT = (  # a warning
    "settings read different amounts of text (updates times batch times seq_length): what looks like a gain may come "
    "from more text alone"
)
EXPLODED = (  # of a training
    "diverged, failed, or ended worse than a uniform guess, which takes all characters for equally likely. Diverged: "
    "the loss or a gradient was no finite number any more, and training stopped"
)


def measured(study: Study, trials: Mapping[str, list[Trial]] | None = None) -> Measured:
    """Return what these trials measured, or all of the study's, as far as it has their runs."""
    done = {
        setting: {trial.seed: study.runs[trial.key] for trial in each if trial.key in study.runs}
        for setting, each in (trials or trials_of(study)).items()
    }
    return of_runs(
        study.settings, done, study.question.measure, study.baseline,
        [*_left_open(study), *_parting(study), *_short(study), *_spent(study)],
        better="lower",
        # Without looks there is no verdict before all seeds are there, and none after the first answer.
        looks=tuple(study.question.looks or [study.first_answer or len(study.question.seeds)]),
        smallest_difference=study.question.smallest_difference,
    )  # fmt: skip


def with_new_seeds(study: Study) -> str:
    """Return the lines to type for the same question with as many seeds that it has not used."""
    first, count = max(study.question.seeds) + 1, len(study.question.seeds)
    file, seeds = str(study.path.with_stem(f"{study.path.stem}_new_seeds")), [*range(first, first + count)]
    edit, old, new = shlex.quote(f"s/^seeds:.*/seeds: {seeds}/"), shlex.quote(str(study.path)), shlex.quote(file)
    return f"sed {edit} {old} > {new} && charloom study {new}"


def before_it_starts(study: Study) -> list[str]:
    """Return what to know of a question before anything is trained: what its settings cannot tell apart."""
    answer = answered(measured(study))
    return [*parted(answer), *answer.warnings]


def _parting(study: Study) -> Iterator[str]:
    """Yield the line of a study that parts params which always change together in this one."""
    named = {setting: naming_params(each) for setting, each in study.settings.items()}
    levels = {
        setting: {name: as_yaml(each[name]) for name in study.varied if name in each} for setting, each in named.items()
    }
    for group in (each for each in inseparable(levels) if len(each) > 1):
        values = {name: list(dict.fromkeys(each[name] for each in named.values())) for name in group}
        yield f"a study with `vary: {json.dumps(values)}` parts {listed(group)}"


def _left_open(study: Study) -> Iterator[str]:
    """Yield a line if what the question left open was not as in the committed params.yaml."""
    if differs := study.asked.left_open:
        yield f"all else as in params.yaml at the first start, which differed from HEAD's: {differs}"


def _spent(study: Study) -> Iterator[str]:
    """Yield a line if seeds came after an answer, and no looks were declared."""
    if first := study.first_answer:
        more = len(study.question.seeds) - first
        yield (
            f"an answer was given at {number_of(first, 'seed')}, and no looks were declared: so {more} more "
            f"{'is' if more == 1 else 'are'} shown here and can claim nothing; new seeds in a new study can: "
            f"{with_new_seeds(study)}"
        )


def _short(study: Study) -> Iterator[str]:
    """Yield a line where no setting has the updates of a whole training, nor reads its text."""
    whole, settings = study.asked.params.train.updates, study.settings.values()
    most = max(each.train.updates for each in settings)
    read = max(each.train.updates * each.characters for each in settings)
    if most < whole and read < whole * study.asked.params.characters:
        yield f"a short study: {most:,} updates, where a whole training has {whole:,}; that may end otherwise"


def of_runs(
    params: Mapping[str, Params], runs: Mapping[str, Mapping[int, Run]], measure: str, baseline: str,
    warnings: Iterable[str] = (), **declared: Any,
) -> Measured:  # fmt: skip
    """Return what the runs measured, by setting and seed.

    params    of each setting, with any seed
    measure   a name of TrainMetrics
    declared  `better`, `looks` and `smallest_difference` of Measured
    """
    one_length = len({each.loss_of for each in params.values()}) == 1
    amounts = {name: float(each.train.updates * each.characters) for name, each in params.items()}
    varied = [name for name in differing(list(params.values())) if name != "seed"]
    effective = {name: naming_params(each) for name, each in params.items()}
    budgets = {each.train.updates for each in params.values()}
    targets = {each.train.target_smooth_loss for each in params.values()}
    ended = [run for each in runs.values() for run in each.values() if run.metrics]
    names = (MEASURE_OF_PART, "smooth_loss") if one_length else (MEASURE_OF_PART,)  # the other is in nats per sequence
    return Measured(
        measure=measure,
        baseline=baseline,
        settings={key: {seed: _measurement(run, measure) for seed, run in each.items()} for key, each in runs.items()},
        curves={
            name: {key: {seed: run.curves[name] for seed, run in each.items()} for key, each in runs.items()}
            for name in names
            if all(run.curves.get(name) for run in ended)
        },
        target=f"smooth loss below {min(targets):g}" if one_length and len(targets) == 1 else "",
        budget=min(budgets) if len(budgets) == 1 else None,
        warnings=(*warnings, *([MORE_TEXT] if len({*amounts.values()}) > 1 else [])),
        exploded=EXPLODED,
        levels={
            setting: {name: as_yaml(each[name]).removesuffix(".0") for name in varied if name in each}
            for setting, each in effective.items()
        },
        amounts=amounts,
        amount="text read",
        **declared,
    )


def _measurement(run: Run, measure: str) -> Measurement:
    if run.metrics is None:
        return Measurement(None, exploded=True)
    return Measurement(getattr(run.metrics, measure), run.outcome != TRAINED, run.metrics.first_update_below_target)
