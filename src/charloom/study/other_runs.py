"""Measurements of runs that no study has trained: rows of a CSV table, or DVC's experiments and HEAD's own run.

The table has a column for the seed, one or more for the setting, and one for the measure. In DVC's experiments, a
setting is the params that differ, without the seed.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, get_args

from charloom.base.csv_rows import TABLE, Cells, csv_rows
from charloom.base.errors import Damaged, WrongInput, allowed_are
from charloom.base.terminal import in_line
from charloom.results.commits import curves_of, from_commits
from charloom.results.git import ensure_repository, git, objects
from charloom.results.identity import differing, setting_params
from charloom.results.records import MEASURE, Measure
from charloom.results.run import Run
from charloom.settings.dvc_lock import stages_in
from charloom.settings.params import Params, flat_of, in_order
from charloom.study.measuring import of_runs
from charloom.study.study_file import chosen, ensure_comparable, levels_of, quoted, setting_name
from paired.data_types import Measured, Measurement, Seed
from paired.numbers import number_of

# what programs write for a run without a value
FAILED = {"", "nan", "+nan", "-nan", "na", "n/a", "none", "null", "inf", "+inf", "-inf"}
NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")  # float() accepts 1_0 and ١, too
SEEDS = 10**15  # a number of this size or more is a seed's text
HEAD = "HEAD"
OTHER_PARAMS = "HEAD's dvc.lock has other params than HEAD's params.yaml; `dvc repro` corrects that"
MEASURES: tuple[str, ...] = get_args(Measure)
TWO_NEEDED = "`dvc exp run -S eta=0.05` makes another setting, `charloom study FILE` many; --table FILE reads any table"

Trial = tuple[dict[str, str], str, Measurement]  # the level of each factor, the seed, and the result


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
    setting. The message names the file, the line, the value and what is allowed.
    """
    used = [*setting, seed, measure]
    if twice := [name for name in used if used.count(name) > 1]:
        raise WrongInput(f"{file}: column {in_line(twice[0])} is in two options; allowed is once")
    rows = _rows(file, used)
    trials, lines, failed = list[Trial](), dict[tuple[str, Seed], int](), list[str]()
    for line, row in rows.items():
        where, levels = f"{file}: line {line}: ", {name: row[name] for name in setting}
        if empty := [name for name in used[:-1] if not row[name]]:
            raise WrongInput(f"{where}{in_line(empty[0])} is empty; allowed is a value in each row")
        name = setting_name(levels)
        if (first := lines.setdefault((name, seed_of(row[seed])), line)) < line:
            differ = [column for column in row if row[column] != rows[first][column] and column not in used]
            allowed = f"does {in_line(differ[0])} belong to --setting?" if len(differ) == 1 else "allowed is once"
            twice_there = f"seed {in_line(row[seed])[:40]} occurs a second time for {in_line(name)}, after line {first}"
            raise WrongInput(f"{where}{twice_there}; {allowed}")
        value = _measurement(row[measure], where + in_line(measure))
        trials.append((levels, row[seed], value))
        if value.exploded:
            failed.append(f"line {line}: {in_line(row[measure]) or 'empty'}")
    warnings = list[str]()
    if failed:
        lost = f"no {in_line(measure)} in {number_of(len(failed), 'trial')} ({failed[0]})"
        warnings.append(f"{lost}: counted as failed, not left out")
    return trials_measured(trials, baseline, str(file), measure=measure, warnings=tuple(warnings), **declared)


def trials_measured(trials: Iterable[Trial], baseline: str | None, where: str, **others: Any) -> Measured:
    """Return the trials by setting and seed. A later trial replaces an earlier one with the same setting and seed.

    baseline, where  as `chosen` takes them
    others           the other fields of Measured
    """
    settings, levels = defaultdict[str, dict[Seed, Measurement]](dict), dict[str, dict[str, str]]()
    for own, seed, measurement in trials:
        name = setting_name(own)
        settings[name][seed_of(seed)] = measurement
        levels[name] = {quoted(param): quoted(level) for param, level in own.items()}
    base = chosen(settings, baseline, where)
    return Measured(baseline=base, settings=dict(settings), levels=levels, **others)


def _rows(file: Path, names: Sequence[str]) -> dict[int, Cells]:
    """Return the rows by line number.

    names  the columns that the table must have

    Raises WrongInput if the file cannot be read, is no table with these columns, or has no row.
    """
    try:
        rows = csv_rows(file.read_bytes(), names)
        if not rows:
            raise ValueError("there is no row below the names of the columns; allowed is a table")
    except OSError as error:
        raise WrongInput(f"{file}: {error.strerror}; allowed is {TABLE}") from None
    except ValueError as error:
        raise WrongInput(f"{in_line(str(file))}: {error}") from None
    return rows


def seed_of(text: str) -> Seed:
    """Return the whole number that the text denotes, in any notation (1, 01, 1.0); the text itself if there is none."""
    with suppress(ArithmeticError):
        number = Decimal(text)
        if abs(number) < SEEDS and number == int(number):
            return int(number)
    return text


def _measurement(text: str, where: str) -> Measurement:
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
    head, comparable, warnings = _comparable(curves=curves)
    trials, contradictions = _trials(comparable)
    warnings += contradictions
    if len(trials) < 2:
        present = f"only one setting in {number_of(len(comparable), 'run')}" if comparable else "no run with results"
        raise WrongInput(f"DVC's experiments and HEAD: {'; '.join([present, *warnings])}; {TWO_NEEDED}")
    params = {setting: next(iter(own.values())).run.params for setting, own in trials.items()}
    if any(getattr(one.run.metrics, measure) is None for one in comparable):
        raise WrongInput(f"--measure: no text was held out, so runs have no {measure}; smooth_loss is allowed")
    ensure_comparable(measure, params.values(), "--measure")
    own = next((name for name in params if setting_params(params[name]) == setting_params(head)), None)
    if not (baseline or own):
        named = allowed_are(params, "")
        raise WrongInput(f"--baseline: HEAD's own setting has no results; name another setting; {named}")
    base = chosen(trials, baseline or own, "DVC's experiments and HEAD")
    if (states := len({one.sources for one in comparable})) > 1:
        warnings.append(f"the runs come from {states} states of src: edits of code are a difference between them, too")
    base_first = {base: trials[base]} | trials
    runs = {setting: {seed: one.run for seed, one in own.items()} for setting, own in base_first.items()}
    return of_runs(params, runs, measure, base, warnings, **declared)


def _comparable(*, curves: bool) -> tuple[Params, list[Experiment], list[str]]:
    """Return HEAD's params, the runs measured on one held-out text, and a warning for each reason to leave runs out.

    HEAD's run comes first, then those of experiments, the newest first, with their curves if `curves`. The held-out
    text is that of HEAD's run, or else the most frequent. Refs of DVC that are no experiments are left out: the queue,
    the stash, and temporary ones. Raises WrongInput if there is no Git repository, no pipeline, or no valid params.yaml
    at HEAD.
    """
    ensure_repository()
    refs = git("for-each-ref", "--sort=-committerdate", "--format=%(objectname) %(refname)", "refs/exps/??/*/**")
    names = {commit: ref.split("/", 4)[4] for commit, _, ref in (line.partition(" ") for line in refs.splitlines())}
    head, *others = from_commits([HEAD, *names])
    if head.params is None:
        raise WrongInput("HEAD: this commit has no params.yaml that this version of charloom can read")
    experiments, left_out = list[Experiment](), Counter[str]()
    committed = {HEAD: head._replace(run=_of_head(head.run)), **dict(zip(names, others, strict=True))}
    for commit, held in committed.items():
        if isinstance(held.run, str):
            left_out[held.run] += 1
        else:
            experiments.append(Experiment(names.get(commit, HEAD), commit, held.run, held.sources))
    texts = [experiment.run.measured_on for experiment in experiments]
    usual = texts[0] if texts and experiments[0].commit == HEAD else max(texts, key=texts.count, default=None)
    comparable = [experiment for experiment in experiments if experiment.run.measured_on == usual]
    left_out["another text, or another part of it held out"] = len(experiments) - len(comparable)
    if curves:
        read = curves_of((experiment.name, experiment.commit) for experiment in comparable)
        comparable = [experiment._replace(run=experiment.run._replace(curves=next(read))) for experiment in comparable]
    warnings = [f"{number_of(count, 'run')} left out: {why}" for why, count in left_out.items() if count]
    return head.params, comparable, warnings


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


def _trials(experiments: list[Experiment]) -> tuple[dict[str, dict[int, Experiment]], list[str]]:
    """Return the runs by setting and seed, sorted by the values of the params that vary, and a list of warnings.

    If several runs have the same setting and seed, the first one counts. There is one warning if such runs have
    different results, else none.
    """
    params = [experiment.run.params for experiment in experiments]
    varying = [*(name for name in differing(params) if name != "seed"), "seed"]

    def place(named: tuple[str, Experiment]) -> list[Any]:
        values = flat_of(named[1].run.params)
        return [in_order(values[name]) for name in varying]

    trials, contradictions = dict[str, dict[int, Experiment]](), list[str]()
    names = map(setting_name, levels_of(params))
    for name, experiment in sorted(zip(names, experiments, strict=True), key=place):
        seed = experiment.run.params.seed
        before = trials.setdefault(name, {}).setdefault(seed, experiment)
        if before.run.metrics != experiment.run.metrics:
            contradictions.append(f"{before.name} and {experiment.name} ({name}, seed {seed})")
    more = f" and {len(contradictions) - 1} more" * (len(contradictions) > 1)
    which = "the first of each counts: HEAD's, or the newest"
    return trials, [f"equal params, different results: {first}{more}; {which}" for first in contradictions[:1]]
