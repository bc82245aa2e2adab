"""The check of network/rnn.py as it is written: is its gradient the derivative of its own forward pass?

The derivative is the complex step of `rnn.forward` and `rnn.log_softmax` themselves, so a change of the equations in
rnn.py needs no change here. The check does not depend on the params' sigma alone: small weights hide a wrong
derivative of the nonlinearity, and large ones make a network chaotic, in which two right gradients differ.
"""

import math
from typing import NamedTuple

import numpy as np

from charloom.checking.numerical import REPORT_ENTRIES, REPORT_FLOOR, REPORT_STEP, relative_error, sequences_of
from charloom.core.backend import by_numpy
from charloom.core.base.errors import CheckFailed
from charloom.core.base.progress import Report
from charloom.core.base.types import Array
from charloom.core.network import rnn
from charloom.core.network.rnn import NAMES, Parameters, deviations, init
from charloom.core.settings.records import GradcheckErrors, Matrices, MatrixErrors

FILE = "network/rnn.py"
STEP = 1e-100  # of the complex step
SMALL = 1e-3  # floor of relative errors, as a fraction of the largest derivative in a matrix
CALM = 1.0  # the largest sigma · √m of a W whose network is not chaotic
LARGE, LARGE_TOLERANCE = 5.0, 1e-6  # a sigma · √m, at most 0.5, and what chaos leaves of a right gradient there
REAL_STEP, LOST = 1e-6, 0.05  # of a central difference; its largest relative difference to a right complex step
WORK = 10**9  # multiplications for a matrix and a state: a large network has fewer entries compared
FEWEST = 20


class Weights(NamedTuple):
    """Weights at which the gradient is checked: their sigma, for messages, and the largest relative error allowed."""

    sigma: float | str
    theta: Parameters
    tolerance: float


def all_weights(theta: Parameters, sigma: float | str, tolerance: float, seed: int) -> list[Weights]:
    """Return weights for the check: theta, which were drawn with `sigma`, fan_in, and weights that saturate units.

    theta is left out if it may be chaotic: then the others check the code.
    """
    m, K = theta.m, theta.K
    large = round(min(0.5, LARGE / math.sqrt(m)), 3)
    drawn = {value: init(m, K, value, np.random.default_rng(seed)) for value in ("fan_in", large)}
    first = [Weights(sigma, theta, tolerance)] if deviations(m, K, sigma)["W"] * math.sqrt(m) <= CALM else []
    return [*first, Weights("fan_in", drawn["fan_in"], tolerance), Weights(large, drawn[large], LARGE_TOLERANCE)]


@np.errstate(all="ignore")  # an unbounded network may overflow at large weights
def failures(weights: list[Weights], ids: Array, most: int, report: Report) -> list[str]:
    """Return a line for each matrix whose gradient in rnn.py is wrong, with an entry and both numbers.

    weights  the first of them at which a gradient is wrong decides
    ids      (T + 1, n) a column for each sequence
    most     number of entries of a matrix to compare
    report   called with the number of weights done

    Raises CheckFailed if `rnn.forward` cannot be differentiated by the complex step, or a gradient is not finite.
    """
    _ensure_differentiable(next(row.theta for row in weights if row.sigma == "fan_in"), ids)
    for done, checked_at in enumerate(weights, 1):
        try:
            errors = measured(checked_at.theta, ids, most)
        except CheckFailed:
            if checked_at.tolerance == LARGE_TOLERANCE:  # the gradients at smaller weights are finite, and right
                break
            raise
        report(done, "")
        if lines := list(filter(None, (_line(name, errors, checked_at) for name in NAMES))):
            return lines
    return []


def _line(name: str, errors: GradcheckErrors, weights: Weights) -> str:
    """Return what is wrong with the gradient of a matrix at the first state where it is wrong; "" if nothing is."""
    for state in ("zero", "carried"):
        row: MatrixErrors = getattr(getattr(errors, state), name)
        if not row.max_relative_error <= weights.tolerance:
            place = f"{name}{row.worst_entry} at the {state} state, sigma {weights.sigma}"
            return f"{place}: gradient {row.analytic!r}, derivative {row.numeric!r}"
    return ""


def measured(theta: Parameters, ids: Array, most: int) -> GradcheckErrors:
    """Return the errors of the gradient in rnn.py, from a zero and from a carried state, on `most` entries of a matrix.

    Raises CheckFailed if a number is not finite, or `rnn.forward` cannot be differentiated by the complex step.
    """
    T, m, K = len(ids) - 1, theta.m, theta.K
    most = min(most, max(FEWEST, WORK // (ids.shape[1] * T * m * (m + 2 * K))))
    zero, rows = np.zeros((ids.shape[1], m)), dict[str, Matrices[MatrixErrors]]()
    for state, h_0 in (("zero", zero), ("carried", by_numpy.summed(theta, ids, zero)[2])):
        gradient, starts = by_numpy.summed(theta, ids, h_0)[1], list(zip(sequences_of(ids), h_0, strict=True))
        of_matrix = {name: _row(theta, name, getattr(gradient, name), ids, starts, most) for name in NAMES}
        rows[state] = Matrices[MatrixErrors](**of_matrix)
    return GradcheckErrors(state_error=0.0, **rows)


def _ensure_differentiable(theta: Parameters, ids: Array) -> None:
    """Raise CheckFailed if the complex step of `rnn.forward` is no derivative: for each matrix, compare an entry.

    The entry is that with the largest gradient; its derivative is also computed by central differences.
    """
    zero = np.zeros((ids.shape[1], theta.m))
    gradient, starts = by_numpy.summed(theta, ids, zero)[1], list(zip(sequences_of(ids), zero, strict=True))
    for name in NAMES:
        entry = int(abs(getattr(gradient, name)).argmax())
        real = _central_difference(theta, name, entry, REAL_STEP, starts)
        imaginary = _complex_step(theta, name, entry, starts)
        if abs(real - imaginary) > LOST * max(abs(real), SMALL):
            raise CheckFailed(
                f"{FILE}: `forward` loses the imaginary part of complex numbers (as np.abs, .real and float do), so it "
                f"cannot be checked: an entry of {name} has derivative {real:.6g}, by the complex step {imaginary:.6g}"
            )


Starts = list[tuple[tuple[Array, Array], Array]]


def _row(theta: Parameters, name: str, gradient: Array, ids: Array, starts: Starts, most: int) -> MatrixErrors:
    """Return the errors of one matrix."""
    entries = some_entries(theta, name, ids, most)
    analytic = gradient.ravel()[entries]
    numeric = np.array([_complex_step(theta, name, entry, starts) for entry in entries])
    if not np.isfinite(np.concatenate((gradient.ravel(), numeric))).all():
        raise CheckFailed(f"the gradient of {name} at the initial weights is not finite: a smaller sigma may help")
    error = relative_error(analytic, numeric, SMALL * float(abs(numeric).max()))
    worst = int(error.argmax())
    by_report = np.array([_central_difference(theta, name, at, REPORT_STEP, starts) for at in entries[:REPORT_ENTRIES]])
    return MatrixErrors(
        max_relative_error=float(error[worst]),
        worst_entry=[int(i) for i in np.unravel_index(entries[worst], gradient.shape)],
        analytic=float(analytic[worst]), numeric=float(numeric[worst]), entries=len(entries),
        entries_zero=int(((analytic == 0) & (numeric == 0)).sum()),
        report_relative_error=float(relative_error(analytic[:REPORT_ENTRIES], by_report, REPORT_FLOOR).max()),
    )  # fmt: skip


def some_entries(theta: Parameters, name: str, ids: Array, most: int) -> Array:
    """Return the indices of at most `most` entries of a matrix, evenly spread.

    Entries of U are those of characters that are read: the others have derivative 0.
    """
    places = np.arange(getattr(theta, name).size)
    if name == "U":
        places = places[np.isin(places % theta.K, ids[:-1])]
    some: Array = places[np.linspace(0, len(places) - 1, min(most, len(places))).astype(int)]
    return some


def _complex_step(theta: Parameters, name: str, entry: int, starts: Starts) -> float:
    """Return the derivative of the loss by an entry of a matrix."""
    moved = Parameters(theta.flat.astype(complex), theta.m, theta.K)
    getattr(moved, name).reshape(-1)[entry] += 1j * STEP
    try:
        return sum(_loss(moved, *start).imag for start in starts) / STEP
    except TypeError as error:
        why = " ".join(str(error).split())
        raise CheckFailed(
            f"{FILE}: `forward` cannot be checked, because complex weights give an error: {why}"
        ) from None


def _central_difference(theta: Parameters, name: str, entry: int, step: float, starts: Starts) -> float:
    """Return the derivative of the loss by an entry of a matrix, by central differences."""
    losses = []
    for by in (step, -step):
        moved = Parameters(theta.flat.copy(), theta.m, theta.K)
        getattr(moved, name).reshape(-1)[entry] += by
        losses.append(sum(_loss(moved, *start).real for start in starts))
    return float((losses[0] - losses[1]) / (2 * step))


def _loss(theta: Parameters, sequence: tuple[Array, Array], h_0: Array) -> complex:
    x, y = sequence
    loss: complex = -rnn.log_softmax(rnn.forward(theta, x, h_0)[1])[np.arange(len(x)), y].sum()
    return loss
