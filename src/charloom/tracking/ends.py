"""The ends of a run's curves: what is measured of its best and of its last model."""

from charloom.results.records import MEASURE, TrainMetrics

Series = dict[str, dict[int, float]]  # of each metric, its values by update


def ends(train: TrainMetrics) -> Series:
    """Return what is measured of the best and of the last model."""
    best, last = train.best_update, train.updates
    bits = {best: train.best_held_out_bits_per_character, last: train.held_out_bits_per_character}
    return {
        "smooth_loss": {best: train.best_smooth_loss, last: train.smooth_loss},
        MEASURE: {update: value for update, value in bits.items() if value is not None},
    }


def with_ends(curves: Series, train: TrainMetrics) -> Series:
    """Return the curves with their ends: MLflow draws a chart for each, also of a single value."""
    return curves | {name: curves.get(name, {}) | points for name, points in ends(train).items()}
