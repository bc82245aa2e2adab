"""What runs in any MLflow experiment measured, with nothing of charloom in them: a setting is what their params say."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, cast

from mlflow import MlflowClient
from mlflow.entities import Experiment, LifecycleStage, Run, ViewType
from mlflow.utils import get_results_from_paginated_fn as all_pages

from charloom.base.errors import CharloomError, Unavailable, WrongInput, allowed_are
from charloom.base.terminal import in_line
from charloom.study.baseline import chosen, quoted, setting_name
from charloom.study.from_table import seed_of
from charloom.tracking.address import address, database
from charloom.tracking.reasons import first_line
from charloom.tracking.store import PAGE
from paired.data_types import Measured, Measurement, Seed

NAMED = 3  # runs in a warning
NOT_THERE = "-"  # level of a param that a run does not have
LAST, LOWEST, HIGHEST = "last", "lowest", "highest"
OF_HISTORY: dict[str, Callable[[list[float]], float]] = {LOWEST: min, HIGHEST: max}


def runs_measured(
    experiment: str, *, seed: str, measure: str, at: str | int = LAST, setting: Sequence[str] = (),
    baseline: str | None = None, **declared: Any,
) -> Measured:  # fmt: skip
    """Return it. A failed run is one without a value; one that has ended without the measure is left out, and named.

    seed      the param that says it; `params.` before it is left away, as is `metrics.` before the measure
    at        of the metric's values the last, the lowest, the highest, or that of a step
    setting   the params that say the setting; without any, all that differ, but for the seed
    baseline  as `chosen` takes it
    declared  `better`, `looks` and `smallest_difference` of Measured

    Of runs of one setting and seed the newest counts. Raises WrongInput where there is nothing to compare, Unavailable
    where the store cannot be reached.
    """
    seed, measure = seed.removeprefix("params."), measure.removeprefix("metrics.")
    asked = [name.removeprefix("params.") for name in setting]
    where = f"MLflow experiment {in_line(experiment)}"
    if twice := [name for name in asked if [seed, *asked].count(name) > 1]:
        raise WrongInput(f"--setting, --seed: {in_line(twice[0])} is named twice; once is allowed")
    file = database()
    if file and not file.exists():
        raise WrongInput(f"--mlflow: {file}: no such store; MLFLOW_TRACKING_URI says where runs are")
    try:
        client = MlflowClient(address())
        runs = sorted(_runs(client, _found(client, experiment)), key=attrgetter("info.start_time"))
        if not runs:
            raise WrongInput(f"{where}: no run in it")
        _ensure_known("--seed", seed, {name for run in runs for name in run.data.params}, where)
        for name in asked:
            _ensure_known("--setting", name, {name for run in runs for name in run.data.params}, where)
        _ensure_known("--measure", measure, {name for run in runs for name in run.data.metrics}, where)
        trials, warnings = _trials(client, runs, seed, measure, at)
    except CharloomError:
        raise
    except Exception as error:  # noqa: BLE001  a driver that is missing, or a file that is no database, raises its own
        raise Unavailable(f"{where}: {first_line(error)}") from None
    if not trials:
        raise WrongInput(f"{where}: no run counts{''.join(f'; {each}' for each in warnings)}")
    names = asked or _differing([run for run, _ in trials], seed)
    if not names:
        raise WrongInput(f"{where}: its {len(trials)} runs differ in no param but {in_line(seed)}")
    settings, levels = defaultdict[str, dict[Seed, Measurement]](dict), dict[str, dict[str, str]]()
    newer = 0
    for run, value in trials:  # the newest last
        level = {name: run.data.params.get(name, NOT_THERE) for name in names}
        own, key = setting_name(names, level.values()), seed_of(run.data.params[seed])
        newer += key in settings[own]
        settings[own][key] = value
        levels[own] = {quoted(name): quoted(each) for name, each in level.items()}
    if not asked and max(map(len, settings.values())) == 1:
        _refuse_single(settings, [run for run, _ in trials], names, where)
    if newer:
        many = "1 run is" if newer == 1 else f"{newer} runs are"
        warnings.append(f"{many} of a setting and seed that a newer one has too: the newest counts")
    return Measured(
        measure=measure if at == LAST else f"{measure} ({at if isinstance(at, str) else f'step {at}'})",
        baseline=chosen(settings, baseline, where), settings=dict(settings), levels=levels, warnings=tuple(warnings),
        exploded="failed, by its status in MLflow, or came to no number", **declared,
    )  # fmt: skip


def _found(client: MlflowClient, experiment: str) -> Experiment:
    """Return the experiment of this name or id. Raises WrongInput if it is deleted."""
    there = all_pages(lambda most, token: client.search_experiments(ViewType.ALL, most, page_token=token), PAGE)  # type: ignore[no-untyped-call]  # MLflow's own
    of_name = [own for own in there if own.name == experiment] or [x for x in there if x.experiment_id == experiment]
    if not of_name:
        names = [in_line(own.name) for own in there if own.lifecycle_stage == LifecycleStage.ACTIVE]
        raise WrongInput(f"--mlflow: no experiment {in_line(experiment)}; {allowed_are(names, experiment)}")
    if of_name[0].lifecycle_stage != LifecycleStage.ACTIVE:
        restore = f"`mlflow experiments restore --experiment-id {in_line(of_name[0].experiment_id)}` brings it back"
        raise WrongInput(f"--mlflow: experiment {in_line(of_name[0].name)} is deleted; {restore}")
    return cast(Experiment, of_name[0])


def _runs(client: MlflowClient, experiment: Experiment) -> list[Run]:
    ids = [experiment.experiment_id]
    return all_pages(lambda most, token: client.search_runs(ids, max_results=most, page_token=token), PAGE)  # type: ignore[no-untyped-call,no-any-return]  # MLflow's own


def _ensure_known(option: str, name: str, there: set[str], where: str) -> None:
    if name not in there:
        raise WrongInput(
            f"{option}: {where}: no run has {in_line(name)}; {allowed_are(sorted(map(in_line, there)), name)}"
        )


def _trials(
    client: MlflowClient, runs: list[Run], seed: str, measure: str, at: str | int
) -> tuple[list[tuple[Run, Measurement]], list[str]]:
    """Return what counts, and in sentences what does not."""
    trials, left_out = list[tuple[Run, Measurement]](), defaultdict[str, list[str]](list)
    finished = [set(run.data.params) for run in runs if run.info.status == "FINISHED"]
    always = set.intersection(*finished) if finished else set()
    at_step = f" at step {at}" if isinstance(at, int) else ""
    for run in runs:
        why = ""
        if seed not in run.data.params:
            why = f"no param {in_line(seed)}"
        elif run.info.status == "FAILED" and not always <= set(run.data.params):
            why = "failed before it had logged its params"
        elif run.info.status not in {"FAILED", "FINISHED"}:
            why = f"{run.info.status.lower()}, not finished"
        value = None if why or run.info.status == "FAILED" else _value(client, run, measure, at)
        if not why and run.info.status == "FINISHED" and value is None:
            why = f"finished without {in_line(measure)}{at_step}"
        if why:
            left_out[why].append(run.info.run_name or run.info.run_id)
        else:
            failed = value is None or not math.isfinite(value)
            trials.append((run, Measurement(None if failed else value, exploded=failed)))
    warnings = []
    for why, names in left_out.items():
        more = f" and {len(names) - NAMED} more" * (len(names) > NAMED)
        warnings.append(f"{len(names)} left out, {why}: {', '.join(map(in_line, names[:NAMED]))}{more}")
    if lost := sum(measurement.exploded for _, measurement in trials):
        warnings.append(f"{lost} failed: counted as outcomes without a value, not left out")
    return trials, warnings


def _value(client: MlflowClient, run: Run, measure: str, at: str | int) -> float | None:
    """Return the run's value of the measure; None where it has none. A run that was no number once has no lowest."""
    if at == LAST or measure not in run.data.metrics:
        return run.data.metrics.get(measure)
    points = client.get_metric_history(run.info.run_id, measure)
    if isinstance(at, str):
        values = [each.value for each in points]
        return math.nan if any(map(math.isnan, values)) else OF_HISTORY[at](values)
    return next((each.value for each in reversed(points) if each.step == at), None)


def _differing(runs: list[Run], seed: str) -> list[str]:
    """Return the params in which the runs differ, but for the seed."""
    names = sorted({name for run in runs for name in run.data.params} - {seed})
    return [name for name in names if len({run.data.params.get(name) for run in runs}) > 1]


def _refuse_single(settings: dict[str, Any], runs: list[Run], names: list[str], where: str) -> None:
    """Raise WrongInput where each run is a setting of its own: some param says which run it is, and no setting."""
    own = [name for name in names if len({run.data.params.get(name) for run in runs}) == len(runs)]
    which = f": {', '.join(map(in_line, own))} differs in each" if own else ""
    raise WrongInput(
        f"{where}: {len(settings)} runs, and no two of one setting{which}; --setting names the params that count"
    )
