"""A study's tables: a row for each trial, and its curves.

    studies/x/trials.csv  the params that vary, seed, outcome, metrics, hash of the results, key of the trial
    studies/x/curves.csv  key of the trial, update, and each curve's value, empty where it has none

Rows stand in the order of the file's settings, and of its seeds. There is no time and no host in them: the same study
gives the same bytes, wherever it was trained and however often it was stopped.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from charloom.base.errors import Damaged
from charloom.base.storage import write
from charloom.results.curves import POINTS
from charloom.results.records import MEASURE_OF_PART, TrainMetrics
from charloom.results.trial_key import committed, trial_key
from charloom.settings.params import Params, flat
from charloom.study.baseline import EXPLODED, MORE_TEXT, setting_name
from charloom.study.study_file import Study
from charloom.study.trial import TRAINED, Outcome
from paired import Measured, Measurement

METRICS = tuple(TrainMetrics.model_fields)
CURVES = ("trial", "update", *POINTS)
AGAIN = "`git restore` brings it back; without it `charloom study` trains all again"


class Trial(NamedTuple):
    """A setting, by its name, and a seed: what is trained, and the key of its row."""

    setting: str
    seed: int
    params: Params
    key: str


Outcomes = dict[str, Outcome]  # by the keys of trials


def trials_of(study: Study, text_sha256: str) -> dict[str, list[Trial]]:
    """Return the trials of each setting, in the order of the seeds."""
    dtypes = {params.train.dtype for params in study.settings.values()}
    arithmetic = {dtype: committed(dtype) for dtype in dtypes}

    def trial(setting: str, seed: int) -> Trial:
        params = study.settings[setting].model_copy(update={"seed": seed})
        return Trial(setting, seed, params, trial_key(params, text_sha256, arithmetic[params.train.dtype]))

    return {setting: [trial(setting, seed) for seed in study.seeds] for setting in study.settings}


def read_outcomes(folder: Path) -> Outcomes:
    """Return what the tables in the folder hold; nothing where there are none. Raises Damaged, naming file and line."""
    outcomes = {}
    for row in _rows(folder / "trials.csv", ("seed", "outcome", *METRICS, "results", "trial")):
        try:
            outcomes[row["trial"]] = outcome_of(row)
        except ValidationError as error:
            first = error.errors()[0]
            where = f"{folder / 'trials.csv'}: trial {row['trial']}: {first['loc'][0]}"
            raise Damaged(f"{where}: {first['input']!r} is no number; {AGAIN}") from None
    for row in _rows(folder / "curves.csv", CURVES):
        if row["trial"] not in outcomes:
            continue  # it is written first: a kill came between the two
        try:
            for name in POINTS:
                if row[name]:
                    outcomes[row["trial"]].curves[name][int(row["update"])] = float(row[name])
        except ValueError:
            raise Damaged(f"{folder / 'curves.csv'}: trial {row['trial']}, update {row['update']}: {AGAIN}") from None
    return outcomes


def trials_in(study: Study) -> dict[str, list[Trial]]:
    """Return the trials of each setting that the table holds, as it says, whatever params.yaml says by now.

    Raises Damaged, naming the file, where it is no table of this study.
    """
    found: dict[str, list[Trial]] = {setting: [] for setting in study.settings}
    for row in _rows(study.folder / "trials.csv", (*study.varied, "seed", "trial")):
        setting = setting_name(study.varied, (row[name].removesuffix(".0") for name in study.varied))
        if setting in found and row["seed"].isdecimal():
            found[setting].append(Trial(setting, int(row["seed"]), study.settings[setting], row["trial"]))
    return found


def outcome_of(row: dict[str, str]) -> Outcome:
    """Return what a row of trials.csv says, without curves. Raises ValidationError."""
    values = {name: row[name] or None for name in METRICS}
    metrics = TrainMetrics.model_validate(values) if row["results"] else None
    return Outcome(row["outcome"], metrics, {name: {} for name in POINTS}, row["results"], 0.0)


def _rows(path: Path, names: tuple[str, ...]) -> Iterable[dict[str, str]]:
    if not path.exists():
        return
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if missing := set(names) - set(reader.fieldnames or ()):
                raise ValueError(f"no column {', '.join(sorted(missing))}")
            for row in reader:
                if None in row or None in row.values():
                    raise ValueError(f"line {reader.line_num}: not one value for each column")
                yield row
    except (OSError, ValueError, csv.Error) as error:
        raise Damaged(f"{path}: {error}; {AGAIN}") from None


def write_outcomes(study: Study, trials: Iterable[Trial], outcomes: Outcomes) -> None:
    """Write the tables: those of the trials that there are outcomes of."""
    done = [(trial, outcomes[trial.key]) for trial in trials if trial.key in outcomes]
    rows: list[list[Any]] = [[*study.varied, "seed", "outcome", *METRICS, "results", "trial"]]
    points: list[list[Any]] = [list(CURVES)]
    for trial, outcome in done:
        values = dict(flat(trial.params.model_dump()))
        metrics = outcome.metrics.model_dump() if outcome.metrics else dict.fromkeys(METRICS)
        setting = [values[name] for name in study.varied]
        rows.append([*setting, trial.seed, outcome.outcome, *metrics.values(), outcome.results, trial.key])
        for update in sorted({update for curve in outcome.curves.values() for update in curve}):
            points.append([trial.key, update, *(outcome.curves[name].get(update) for name in POINTS)])
    for name, table in (("curves.csv", points), ("trials.csv", rows)):  # a row is written when its curves are there
        content = io.StringIO()
        csv.writer(content, lineterminator="\n").writerows(table)  # floats in full, None as nothing
        write(study.folder / name, content.getvalue())


def measured(study: Study, trials: dict[str, list[Trial]], outcomes: Outcomes) -> Measured:
    """Return what the statistics have to know."""
    settings = study.settings.values()
    one_length = "seq_length" not in study.varied  # smooth loss, in nats per sequence, compares only then
    done = {
        setting: {trial.seed: outcomes[trial.key] for trial in each if trial.key in outcomes}
        for setting, each in trials.items()
    }
    updates = {outcome.metrics.updates for each in done.values() for outcome in each.values() if outcome.metrics}
    curves = (MEASURE_OF_PART, *(["smooth_loss"] if one_length else []))
    amounts = {params.train.updates * params.seq_length for params in settings}
    return Measured(
        measure=study.measure,
        better="lower",
        baseline=study.baseline,
        settings={
            setting: {seed: _measurement(study, outcome) for seed, outcome in each.items()}
            for setting, each in done.items()
        },
        curves={
            name: {
                setting: {seed: outcome.curves[name] for seed, outcome in each.items()}
                for setting, each in done.items()
            }
            for name in curves
        },
        looks=tuple(study.looks),
        smallest_difference=study.smallest_difference,
        target=f"smooth loss below {next(iter(settings)).train.target_smooth_loss:g}" if one_length else "",
        budget=updates.pop() if len(updates) == 1 else None,
        warnings=(MORE_TEXT,) if len(amounts) > 1 else (),
        exploded=EXPLODED,
    )


def _measurement(study: Study, outcome: Outcome) -> Measurement:
    if outcome.metrics is None:
        return Measurement(None, exploded=True)
    value = getattr(outcome.metrics, study.measure)
    return Measurement(value, outcome.outcome != TRAINED, outcome.metrics.first_update_below_target)
