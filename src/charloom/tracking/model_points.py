"""The measures of a run's best and last model as points of its curves."""

from charloom.results.records import MEASURE, TrainMetrics
from charloom.results.study_table import FIRST_METRICS

Series = dict[str, dict[int, float]]  # metric, then update, to value


def model_points(train: TrainMetrics) -> Series:
    """Return the smooth loss and the held-out bits per character of the best and the last model, by metric and update.

    Measures that a later version of charloom added are points of the last model. A missing measure has no point.
    """
    best, last = train.best_update, train.updates
    bits = {best: train.best_held_out_bits_per_character, last: train.held_out_bits_per_character}
    added = {name: value for name, value in train if value is not None and name not in FIRST_METRICS}
    return {name: {last: value} for name, value in added.items()} | {
        "smooth_loss": {best: train.best_smooth_loss, last: train.smooth_loss},
        MEASURE: {update: value for update, value in bits.items() if value is not None},
    }


def with_model_points(curves: Series, train: TrainMetrics) -> Series:
    """Return the curves with the points of the best and the last model added.

    A measure without a curve gets a curve of these points, because MLflow draws a chart for each curve.
    """
    return curves | {name: curves.get(name, {}) | points for name, points in model_points(train).items()}
