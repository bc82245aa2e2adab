"""What a study's trials came to, as the statistics take it."""

from collections.abc import Mapping

from charloom.results.records import MEASURE_OF_PART
from charloom.results.run import Run
from charloom.study.baseline import EXPLODED, MORE_TEXT
from charloom.study.study_file import Study
from charloom.study.trial import Trial, trials_of
from paired.data_types import Measured, Measurement


def measured(study: Study) -> Measured:
    """Return what all its trials measured that its table has. Settings without one are left out, but the baseline."""
    return measured_of(study, trials_of(study), study.runs)


def measured_of(study: Study, trials: Mapping[str, list[Trial]], runs: Mapping[str, Run]) -> Measured:
    """Return what these trials measured, as far as they have run."""
    settings = study.settings.values()
    one_length = "seq_length" not in study.varied  # smooth loss, in nats per sequence, compares only then
    done = {
        setting: {trial.seed: runs[trial.key] for trial in each if trial.key in runs}
        for setting, each in trials.items()
    }
    updates = {run.metrics.updates for each in done.values() for run in each.values() if run.metrics}
    curves = (MEASURE_OF_PART, *(["smooth_loss"] if one_length else []))
    amounts = {params.train.updates * params.seq_length for params in settings}
    return Measured(
        measure=study.measure,
        better="lower",
        baseline=study.baseline,
        settings={
            setting: {seed: measurement(run, study.measure) for seed, run in each.items()}
            for setting, each in done.items()
        },
        curves={
            name: {setting: {seed: run.curves[name] for seed, run in each.items()} for setting, each in done.items()}
            for name in curves
        },
        looks=tuple(study.looks),
        smallest_difference=study.smallest_difference,
        target=f"smooth loss below {study.asked.params.train.target_smooth_loss:g}" if one_length else "",
        budget=updates.pop() if len(updates) == 1 else None,
        warnings=(MORE_TEXT,) if len(amounts) > 1 else (),
        exploded=EXPLODED,
    )


def measurement(run: Run, measure: str) -> Measurement:
    """Return the measure, a name of TrainMetrics, and how the run ended."""
    if run.metrics is None:
        return Measurement(None, exploded=True)
    return Measurement(getattr(run.metrics, measure), run.exploded, run.metrics.first_update_below_target)
