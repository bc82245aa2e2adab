"""Measurements for the statistics in src/paired, from a study, from DVC's experiments, or from a CSV table.

In DVC's experiments, and in HEAD's own run, a setting is the params that differ, without the seed. A table has a row
for each trial, with a column for the seed, one or more for the setting, and one for the measure.
"""

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any, get_args

from charloom.core.base.errors import Damaged, WrongInput, allowed_are
from charloom.core.base.storage import TABLE, csv_rows
from charloom.core.settings.dvc_lock import stages_in
from charloom.core.settings.params import Params, flat_of, in_order
from charloom.core.settings.pipeline import ensure_repository
from charloom.core.settings.records import MEASURE, MEASURE_OF_PART, Measure
from charloom.core.training.headline import TRAINED
from charloom.results.commits import curves_of, from_commits
from charloom.results.git import git, objects
from charloom.results.keys import differing, setting_params
from charloom.results.run import Run
from charloom.study.study_file import Study, Trial, chosen, ensure_comparable, levels_of, quoted, setting_name
from groundwork.words import in_line, number_of
from paired import answered
from paired.data_types import Measured, Measurement, Seed
from paired.factors import inseparable
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
# what programs write for a run without a value
FAILED = {"", "nan", "+nan", "-nan", "na", "n/a", "none", "null", "inf", "+inf", "-inf"}
NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")  # float() accepts 1_0 and ١, too
SEEDS = 10**15  # a number of this size or more is a seed's text
MEASURES: tuple[str, ...] = get_args(Measure)
TWO_NEEDED = "`dvc exp run -S eta=0.05` makes another setting, `charloom study FILE` many; --table FILE reads any table"


def measured(study: Study, trials: Mapping[str, list[Trial]] | None = None) -> Measured:
    """Return the measurements of those trials that have run, with the study's warnings.

    trials  trials by setting; None: all trials of the study
    """
    done = {
        setting: {trial.params.seed: study.runs[trial.key] for trial in own if trial.key in study.runs}
        for setting, own in (trials or study.trials()).items()
    }
    question = study.question
    # Without declared looks the one look is at all seeds, or at the first answer if there are more seeds by now.
    looks = tuple(question.looks or [study.first_answer or len(question.seeds)])
    results = of_runs(
        study.settings, done, question.measure, study.baseline, _warnings(study), better="lower", looks=looks,
        smallest_difference=question.smallest_difference, title=question.title or "",
    )  # fmt: skip
    return replace(results, target="") if question.text else results  # the target is for params.yaml's text


def before_it_starts(study: Study) -> list[str]:
    """Return lines to print before the training: on a single seed, on inseparable factors, and the study's warnings.

    Factors are inseparable if they change together in all settings.
    """
    answer = answered(measured(study))
    return [*[ONE_SEED] * (len(study.question.seeds) == 1), *parted(answer), *answer.warnings]


def _warnings(study: Study) -> Iterator[str]:
    """Yield the study's warnings, each if it applies.

    1. At the first start, params.yaml differed from HEAD's in a param that the question leaves open.
    2. Params change together in all settings: which `vary` separates them, for each group of such params.
    3. All settings have fewer updates, and read less text, than the training of params.yaml.
    4. Seeds were added after an answer, and the study declares no looks.
    5. Other questions about the baseline had been answered before.
    """
    if differs := study.asked.left_open:
        yield f"all other params are those of params.yaml at the first start, which differed from HEAD's: {differs}"

    settings = [flat_of(params) for params in study.settings.values()]
    levels = dict(zip(study.settings, levels_of(study.settings.values()), strict=True))
    for group in (names for names in inseparable(levels) if len(names) > 1):
        values = {name: list(dict.fromkeys(own[name] for own in settings)) for name in group}
        yield f"a study with `vary: {json.dumps(values)}` separates {listed(group)}"

    updates, whole = max(params.train.updates for params in study.settings.values()), study.asked.params
    reads = max(params.train.updates * params.characters for params in study.settings.values())
    if updates < whole.train.updates and reads < whole.train.updates * whole.characters:
        has = f"a whole training has {whole.train.updates:,}, and may have another result"
        yield f"a short study: {updates:,} updates; {has}"

    if first := study.first_answer:
        more = number_of(len(study.question.seeds) - first, "more seed")
        yield (
            f"an answer was given at {number_of(first, 'seed')}, and no looks were declared: {more} shown, but not "
            "tested; only a new study with new seeds tests again"
        )
    if earlier := study.asked.earlier:
        yield f"this is question {earlier + 1} about this baseline on this text: each question has its own 5 %"


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
        settings={key: {seed: _of_run(run, measure) for seed, run in own.items()} for key, own in runs.items()},
        curves={
            name: {key: {seed: run.curves[name] for seed, run in own.items()} for key, own in runs.items()}
            for name in names
            if all(run.curves.get(name) for run in ended)
        },
        measure=measure, baseline=baseline, levels=dict(zip(params, levels_of(params.values()), strict=True)),
        target=f"smooth loss below {min(targets):g}" if one_length and len(targets) == 1 else "",
        budget=min(budgets) if len(budgets) == 1 else None, amounts=amounts, amount="text read", exploded=EXPLODED,
        part="passages of the held-out text", warnings=(*warnings, *[MORE_TEXT] * (len({*amounts.values()}) > 1)),
        **declared,
    )  # fmt: skip


def _of_run(run: Run, measure: str) -> Measurement:
    if run.metrics is None:
        return Measurement(None, exploded=True)
    value, reached = getattr(run.metrics, measure), run.metrics.first_update_below_target
    return Measurement(value, run.outcome != TRAINED, reached, run.passages if measure == MEASURE else ())


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
    head, comparable, warnings = _comparable(curves=curves)
    trials, contradictions = _by_setting([run for run, _ in comparable])
    warnings += contradictions
    if len(trials) < 2:
        present = f"only one setting in {number_of(len(comparable), 'run')}" if comparable else "no run with results"
        raise WrongInput(f"DVC's experiments and HEAD: {'; '.join([present, *warnings])}; {TWO_NEEDED}")
    params = {setting: next(iter(own.values())).params for setting, own in trials.items()}
    if any(getattr(run.metrics, measure) is None for run, _ in comparable):
        raise WrongInput(f"--measure: no text was held out, so runs have no {measure}; smooth_loss is allowed")
    ensure_comparable(measure, params.values(), "--measure")
    own = next((name for name in params if setting_params(params[name]) == setting_params(head)), None)
    if not (baseline or own):
        named = allowed_are(params, "")
        raise WrongInput(f"--baseline: HEAD's own setting has no results; name another setting; {named}")
    base = chosen(trials, baseline or own, "DVC's experiments and HEAD")
    if (states := len({sources for _, sources in comparable})) > 1:
        warnings.append(f"the runs come from {states} states of src: edits of code are a difference between them, too")
    return of_runs(params, {base: trials[base]} | trials, measure, base, warnings, **declared)


def _comparable(*, curves: bool) -> tuple[Params, list[tuple[Run, str]], list[str]]:
    """Return HEAD's params, the runs measured on one held-out text, and a warning for each reason to leave runs out.

    HEAD's run comes first, then those of experiments, the newest first, with their curves if `curves`, and with Git's
    id of the commit's folder `src`. The held-out text is that of HEAD's run, or else the most frequent. Refs of DVC
    that are no experiments are left out: the queue, the stash, and temporary ones. Raises WrongInput if there is no Git
    repository, no pipeline, or no valid params.yaml at HEAD.
    """
    ensure_repository()
    refs = git("for-each-ref", "--sort=-committerdate", "--format=%(objectname)", "refs/exps/??/*/**")
    commits = ["HEAD", *refs.split()]
    head, *others = from_commits(commits)
    if head.params is None:
        raise WrongInput("HEAD: this commit has no params.yaml that this version of charloom can read")
    runs, left_out = dict[str, tuple[Run, str]](), Counter[str]()
    for commit, held in zip(commits, [head._replace(run=_of_head(head.run)), *others], strict=True):
        if isinstance(held.run, str):
            left_out[held.run] += 1
        else:
            runs[commit] = held.run, held.sources
    texts = [run.measured_on for run, _ in runs.values()]
    usual = texts[0] if "HEAD" in runs else max(texts, key=texts.count, default=None)
    comparable = {commit: (run, sources) for commit, (run, sources) in runs.items() if run.measured_on == usual}
    left_out["another text, or another part of it held out"] = len(runs) - len(comparable)
    if curves:
        read = zip(comparable.items(), curves_of(comparable), strict=True)
        comparable = {commit: (run._replace(curves=own), sources) for (commit, (run, sources)), own in read}
    warnings = [f"{number_of(count, 'run')} left out: {why}" for why, count in left_out.items() if count]
    return head.params, list(comparable.values()), warnings


def _of_head(run: Run | str) -> Run | str:
    """Return HEAD's own run, or the reason to leave it out, as text.

    HEAD, unlike an experiment, can have no results, or params.yaml and dvc.lock that do not fit together.
    """
    if isinstance(run, str):
        return "HEAD has no committed results"
    ((_, lock),) = objects(["HEAD:./dvc.lock"])
    now = setting_params(run.params) | {"seed": run.params.seed}
    with suppress(Damaged, KeyError):
        stages = stages_in(lock)
        recorded = {**stages["prepare"].params, **stages["train"].params}
        if all(now.get(name, value) == value for name, value in recorded.items()):
            return run
    return "HEAD's dvc.lock has other params than HEAD's params.yaml; `dvc repro` corrects that"


def _by_setting(runs: list[Run]) -> tuple[dict[str, dict[int, Run]], list[str]]:
    """Return the runs by setting and seed, sorted by the values of the params that vary, and a list of warnings.

    If several runs have the same setting and seed, the first one counts. There is one warning if such runs have
    different results, else none.
    """
    params, trials, contradictions = [run.params for run in runs], dict[str, dict[int, Run]](), list[str]()
    varying = [*(name for name in differing(params) if name != "seed"), "seed"]
    keys = [[in_order(values[name]) for name in varying] for values in map(flat_of, params)]
    rows = sorted(zip(keys, map(setting_name, levels_of(params)), runs, strict=True), key=itemgetter(0))
    for _, name, run in rows:
        if trials.setdefault(name, {}).setdefault(run.params.seed, run).metrics != run.metrics:
            contradictions.append(f"{name}, seed {run.params.seed}")
    more = f" and {len(contradictions) - 1} more" * (len(contradictions) > 1)
    which = "the first of each counts: HEAD's, or the newest"
    return trials, [f"equal params, different results: {first}{more}; {which}" for first in contradictions[:1]]


def table_measured(
    file: Path, *, setting: Sequence[str], seed: str, measure: str, baseline: str | None = None, **declared: Any
) -> Measured:
    """Return the table's measurements, with the settings in the order of the table.

    A row whose measure is empty or a word of FAILED is a failed trial; a warning says how many there are.

    setting   names of the columns that identify the setting
    seed      name of the column with the seed
    measure   name of the column with the measure
    baseline  as `chosen` takes it
    declared  `better`, `looks` and `smallest_difference` of Measured

    Raises WrongInput if the table is invalid: a column or value is missing or invalid, or a seed occurs twice for a
    setting, or the file cannot be read. The message names the file, the line, the value and what is allowed.
    """
    used = [*setting, seed, measure]
    if twice := [name for name in used if used.count(name) > 1]:
        raise WrongInput(f"{file}: column {in_line(twice[0])} is in two options; allowed is once")
    try:
        if not (rows := csv_rows(file.read_bytes(), used)):
            raise ValueError("there is no row below the names of the columns; allowed is a table")
    except OSError as error:
        raise WrongInput(f"{file}: {error.strerror}; allowed is {TABLE}") from None
    except ValueError as error:
        raise WrongInput(f"{in_line(str(file))}: {error}") from None
    settings, levels = defaultdict[str, dict[Seed, Measurement]](dict), dict[str, dict[str, str]]()
    lines, failed = dict[tuple[str, Seed], int](), list[str]()
    for line, row in rows.items():
        where, own = f"{file}: line {line}: ", {name: row[name] for name in setting}
        if empty := [name for name in used[:-1] if not row[name]]:
            raise WrongInput(f"{where}{in_line(empty[0])} is empty; allowed is a value in each row")
        name, number = setting_name(own), seed_of(row[seed], where + in_line(seed))
        if (first := lines.setdefault((name, number), line)) < line:
            differ = [column for column in row if row[column] != rows[first][column] and column not in used]
            allowed = f"does {in_line(differ[0])} belong to --setting?" if len(differ) == 1 else "allowed is once"
            twice_there = f"seed {in_line(row[seed])[:40]} occurs a second time for {in_line(name)}, after line {first}"
            raise WrongInput(f"{where}{twice_there}; {allowed}")
        settings[name][number] = _of_cell(row[measure], where + in_line(measure))
        levels[name] = {quoted(param): quoted(level) for param, level in own.items()}
        if settings[name][number].exploded:
            failed.append(f"line {line}: {in_line(row[measure]) or 'empty'}")
    lost = f"no {in_line(measure)} in {number_of(len(failed), 'trial')}"
    warnings = tuple(f"{lost} ({first}): counted as failed, not left out" for first in failed[:1])
    base = chosen(settings, baseline, str(file))
    return Measured(
        settings=dict(settings), baseline=base, levels=levels, measure=measure, warnings=warnings, **declared
    )


def seed_of(text: str, where: str) -> Seed:
    """Return the whole number that the text denotes, in any notation (1, 01, 1.0); the text itself if there is none.

    Raises WrongInput for a number with other characters than 0 to 9 and those of 1e-5. `where` is the place, for the
    message.
    """
    with suppress(ValueError, OverflowError):  # nan and inf have no whole number
        if (number := float(text)) == int(number) and abs(number) < SEEDS:
            if text.startswith("+") or not NUMBER.fullmatch(text):
                raise WrongInput(f"{where}: {in_line(text)[:40]} is not allowed; write the seed as {int(number)}")
            return int(number)
    return text


def _of_cell(text: str, where: str) -> Measurement:
    """Return the measurement in a cell; for a word of FAILED, a failed trial without a value.

    Raises WrongInput for any other text that is no finite number. `where` is the place, for the message.
    """
    if text.lower() in FAILED:
        return Measurement(None, exploded=True)
    value = float(text) if NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        allowed = "a number such as 2.81 or 1e-5; a failed run has nan or an empty cell"
        raise WrongInput(f"{where}: {in_line(text)[:40]} is not allowed; allowed is {allowed}")
    return Measurement(value)
