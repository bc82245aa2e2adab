"""Measurements from the runs of any MLflow experiment, also of other projects. A run's params are its setting."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Run

from charloom.base.errors import CharloomError, Unavailable, WrongInput, allowed_are
from charloom.base.terminal import in_line
from charloom.study.measuring import trials_measured
from charloom.tracking.address import address, ensure_store
from charloom.tracking.reasons import first_line
from charloom.tracking.store import all_results
from paired.data_types import Measured, Measurement
from paired.numbers import number_of

MAX_NAMED = 3  # runs that a warning names
MISSING = "-"  # level of a param that a run lacks
LAST, LOWEST, HIGHEST = "last", "lowest", "highest"
REDUCTIONS = {LOWEST: np.min, HIGHEST: np.max}


def runs_measured(
    experiment: str, *, seed: str, measure: str, at: str | int = LAST, setting: Sequence[str] = (),
    baseline: str | None = None, **declared: Any,
) -> Measured:  # fmt: skip
    """Return the measurements of the experiment's runs by setting and seed.

    A failed run, or one whose value is not finite, counts as a trial without a value. A run is left out, with a
    warning, if it still runs or was killed, has no seed, failed before it had logged its params, or finished without
    the measure (at the step `at`). If several runs have the same setting and seed, the newest counts.

    experiment  name or id of the MLflow experiment
    seed        name of the seed's param, with or without the prefix `params.`
    measure     name of the metric, with or without the prefix `metrics.`
    at          which of the metric's values counts: LAST, LOWEST, HIGHEST, or a step
    setting     names of the params that define a setting; if empty, all params except the seed that differ between runs
    baseline    see `chosen`
    declared    `better`, `looks` and `smallest_difference` of Measured

    Raises WrongInput if the experiment, a param or the metric does not exist, a param is named twice, or there is
    nothing to compare. Raises Unavailable if the store cannot be reached.
    """
    seed, measure = seed.removeprefix("params."), measure.removeprefix("metrics.")
    varied = [name.removeprefix("params.") for name in setting]
    where = f"MLflow experiment {in_line(experiment)}"
    if twice := [name for name in varied if [seed, *varied].count(name) > 1]:
        raise WrongInput(f"--setting, --seed: {in_line(twice[0])} is named twice; allowed is once")
    ensure_store("--mlflow")
    try:
        client = MlflowClient(address())
        numbers = {row.name: row.experiment_id for row in all_results(client.search_experiments)}
        number = numbers.get(experiment, experiment)
        if number not in numbers.values():
            names = allowed_are(map(in_line, numbers), experiment)
            raise WrongInput(f"--mlflow: no experiment {in_line(experiment)}; {names}")
        runs = all_results(client.search_runs, [number], order_by=["attributes.start_time ASC"])
        params = {name for run in runs for name in run.data.params}
        metrics = {name for run in runs for name in run.data.metrics}
        options = [("--seed", seed, params), *(("--setting", name, params) for name in varied)]
        for option, name, known in (*options, ("--measure", measure, metrics)):
            if name not in known:
                allowed = allowed_are(sorted(map(in_line, known)), name)
                raise WrongInput(f"{option}: {where}: no run has {in_line(name)}; {allowed}")
        values = [_value(client, run, measure, at) if run.info.status == "FINISHED" else None for run in runs]
    except CharloomError:
        raise
    except Exception as error:  # noqa: BLE001  a missing driver and an invalid database raise exceptions of their own
        raise Unavailable(f"{where}: {first_line(error)}") from None
    trials, warnings = _trials(runs, values, seed, f"{measure} at step {at}" if isinstance(at, int) else measure)
    if not trials:
        raise WrongInput("; ".join([f"{where}: no run can be compared", *warnings]))
    varied = varied or [name for name in sorted(params - {seed}) if len({own.get(name) for own, _ in trials}) > 1]
    if not varied:
        raise WrongInput(f"{where}: its {len(trials)} runs differ in {in_line(seed)} alone; two settings are needed")
    label = measure if at == LAST else f"{measure} ({at if isinstance(at, str) else f'step {at}'})"
    measured = trials_measured(
        (({name: own.get(name, MISSING) for name in varied}, own[seed], value) for own, value in trials),
        baseline, where, measure=label, exploded="failed, by its status in MLflow, or has no finite value", **declared,
    )  # fmt: skip
    if not setting and max(map(len, measured.settings.values())) == 1:
        hint = "--setting selects the params that count"
        raise WrongInput(f"{where}: no two of {len(measured.settings)} runs have the same setting; {hint}")
    if newer := len(trials) - sum(map(len, measured.settings.values())):
        has = "has" if newer == 1 else "have"
        warnings.append(f"{number_of(newer, 'run')} {has} the setting and seed of a newer run: the newest counts")
    return replace(measured, warnings=tuple(warnings))


def _trials(
    runs: list[Run], values: list[float | None], seed: str, measure: str
) -> tuple[list[tuple[dict[str, str], Measurement]], list[str]]:
    """Return params and measurement of each run that counts, and warnings about other runs and about failed runs.

    runs     all runs of the experiment, oldest first; the result has the same order
    values   their values of the measure; None for a run without one, or that has not finished
    seed     name of the seed's param
    measure  name of the metric, with the step if a step was chosen
    """
    trials, left_out = list[tuple[dict[str, str], Measurement]](), defaultdict[str, list[str]](list)
    finished = [set(run.data.params) for run in runs if run.info.status == "FINISHED"]
    always = set.intersection(*finished) if finished else set()
    for run, value in zip(runs, values, strict=True):
        params, status = run.data.params, run.info.status
        reasons = {
            f"no param {in_line(seed)}": seed not in params,
            f"{status.lower()}, not finished": status not in {"FINISHED", "FAILED"},
            "failed before it had logged its params": status == "FAILED" and not always <= params.keys(),
            f"finished without {in_line(measure)}": status == "FINISHED" and value is None,
        }
        if why := next((reason for reason, holds in reasons.items() if holds), ""):
            left_out[why].append(in_line(run.info.run_name or run.info.run_id))
        else:
            failed = value is None or not math.isfinite(value)
            trials.append((params, Measurement(None if failed else value, exploded=failed)))
    warnings = []
    for why, names in left_out.items():
        more = f" and {len(names) - MAX_NAMED} more" * (len(names) > MAX_NAMED)
        warnings.append(f"runs left out ({why}): {', '.join(names[:MAX_NAMED])}{more}")
    if lost := sum(measurement.exploded for _, measurement in trials):
        warnings.append(f"failed runs: {lost}; a failed run counts, without a value")
    return trials, warnings


def _value(client: MlflowClient, run: Run, measure: str, at: str | int) -> float | None:
    """Return the run's value of the measure; None if the run has no such metric, or no value at the step `at`.

    If the step has several values, the last one counts. LOWEST and HIGHEST of values that contain NaN are NaN.
    """
    if at == LAST or measure not in run.data.metrics:
        return run.data.metrics.get(measure)
    points = client.get_metric_history(run.info.run_id, measure)
    if isinstance(at, str):
        return float(REDUCTIONS[at]([point.value for point in points]))
    return next((point.value for point in reversed(points) if point.step == at), None)
