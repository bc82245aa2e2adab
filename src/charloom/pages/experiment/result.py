"""Two sections: the gradient check, and the run's result, compared with counted n-grams and a committed study.

The study is studies/initial_accumulator. The errors of the gradient check are compared with Table 1 of the report.
"""

from statistics import fmean

from charloom.core.config.params import as_yaml, flat_of
from charloom.core.config.records import BITS, Measure
from charloom.core.network.logarithm import LN2
from charloom.core.network.rnn import SATURATED
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.experiment.first_updates import RISEN, color_of
from charloom.pages.pictures import BLUE, GREY, as_picture
from charloom.pages.rows import Line, draw_rows
from charloom.pages.sections import PageSection, Picture, Table
from charloom.results.keys import experiment_key
from charloom.results.run import FIRST_LOSSES

OWN = "this run, held-out"
NEAR = 0.05  # bits per character: a smaller difference between unseen and training text is "about the same"
HEADS = (
    "weights", "complex step, zero state", "complex step, carried state", "entries",
    "entries that are zero on both sides", "central differences, as in the report", "the report’s figures",
)  # fmt: skip


def section(results: Results) -> PageSection:
    """Return the section with the result and its hashes.

    The template's content has, among others, two values from the study initial_accumulator:

    cheaper  how many of the study's other seeds with this run's settings have a lower held-out cost than this run, and
             how many other seeds there are; None if there is no other seed, or if no text was held out
    mended   the initial accumulator with the lowest mean held-out cost in the study; None if this run has this one
    """
    train, study, accumulator = results.train, results.study, results.params.train.initial_accumulator_value
    losses = {update: loss for update, loss in results.curves["loss"].items() if update < FIRST_LOSSES}
    bits, peak, first = train.held_out_bits_per_character, max(losses, key=lambda u: losses[u]), next(iter(losses))
    others = [cost for seed, cost in results.seeds.items() if seed != results.params.seed]
    lowest = min(study, key=lambda start: fmean(study[start]), default=accumulator)
    experiment = experiment_key(results.params, results.text.sha256, results.network)
    it = {
        "training_bits": train.smooth_loss / results.params.seq_length / LN2,
        "first": losses[first],
        "peak": losses[peak],
        "peak_update": peak,
        "jumped": losses[peak] > RISEN * losses[first],
        "saturated": list(results.curves["saturated_fraction"].values())[-1],
        "cheaper": (sum(cost < bits for cost in others), len(others)) if others and bits is not None else None,
        "mended": None if lowest == accumulator else lowest,
        "means": {start: fmean(costs) for start, costs in study.items()},
        "near": NEAR,
        "limit": SATURATED,
        "params": Table(("param", "value"), [(name, as_yaml(x)) for name, x in flat_of(results.params).items()]),
        "hashes": {
            "the text": results.text.sha256,
            "the experiment: its params and its text": experiment,
            "the results: weights and trace": results.results,
        },
    }
    return PageSection("verdict", "The result", it, [_ladder(results)])


def _ladder(results: Results) -> Picture:
    """Return the picture of the bits per character of this run, of counted n-grams, and of the study's trials."""
    levels, bits = results.text.bits_per_character.model_dump(), results.train.held_out_bits_per_character
    rows = [(name if name == "uniform" else f"in-sample {name}", GREY, [level]) for name, level in levels.items()]
    rows += [(f"study, AdaGrad from {start:g}", color_of(start), costs) for start, costs in results.study.items()]
    rows += [] if bits is None else [(OWN, BLUE, [bits])]
    rows.sort(key=lambda row: -fmean(row[2]))
    lines = [
        Line(f"{name}: {fmean(values):.3f}", color, values, fmean(values), bold=name == OWN)
        for name, color, values in rows
    ]
    figure, _ = draw_rows(lines, f"{BITS} ({Measure.HELD_OUT.better} is better)")
    caption = (
        "A uniform guess knows nothing about the text. N-grams are counted in the same text on which they are measured "
        "(in-sample). The model is measured on unseen text, which is harder."
    )
    if results.study:
        caption += " In the study a dot is a seed; the number and the stroke are the mean of the seeds."
    table = [(name, f"{fmean(v):.6f}", f"{min(v):.6f}", f"{max(v):.6f}") for name, _, v in rows]
    return as_picture(
        figure, "ladder", "bits per character of this run and of counting", caption,
        Table(("what", "bits per character", "lowest", "highest"), table),
    )  # fmt: skip


def gradients(results: Results) -> PageSection:
    """Return the section with the errors of the gradient check, a row for each of W, U, V, b and c."""
    zero, carried = dict(results.gradcheck.zero), dict(results.gradcheck.carried)
    published = dict(results.published.gradient_check)
    rows = [
        (
            name, f"{errors.max_relative_error:.1e}", f"{carried[name].max_relative_error:.1e}", f"{errors.entries:,}",
            f"{errors.entries_zero:,}", f"{errors.report_relative_error:.2e}", f"{published[name]:.2e}",
        )
        for name, errors in zero.items()
    ]  # fmt: skip
    it = {
        "table": Table(HEADS, rows),
        "worst": max(errors.max_relative_error for errors in (*zero.values(), *carried.values())),
        "published_worst": max(published.values()),
    }
    return PageSection("gradients", "Are the gradients right?", it)
