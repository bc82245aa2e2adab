"""Check whether the gradient in network/rnn.py is the derivative of the forward pass in the same file.

The derivative is computed by the complex step from `rnn.forward` and `rnn.log_softmax`, so this module needs no edit if
the equations change. The gradient is checked at weights of several sizes: with small weights a wrong derivative of the
nonlinearity stays unnoticed, and with large weights the network may be chaotic, so that two right gradients differ.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from charloom.checking.numerical import REPORT_ENTRIES, REPORT_STEP, matrix_errors, relative_error, sequences_of
from charloom.core.backend import by_numpy
from charloom.core.base.errors import CheckFailed
from charloom.core.base.progress import ProgressCallback
from charloom.core.base.types import Array
from charloom.core.config.records import GradcheckErrors, Matrices, MatrixErrors
from charloom.core.network import rnn
from charloom.core.network.rnn import NAMES, Parameters, deviations, init

FILE = "network/rnn.py"
STEP = 1e-100  # of the complex step
SMALL = 1e-3  # floor of relative errors, as a fraction of the largest derivative in a matrix
CALM = 1.0  # the largest sigma · √m of a W whose network is not chaotic
LARGE, LARGE_TOLERANCE = 5.0, 1e-6  # large weights: sigma · √m, and the relative error that chaos may cause,
SHORT = 10  # … and the number of characters read, because rounding errors grow with each character
REAL_STEP, LOST = 1e-6, 0.05  # step of a central difference; its largest relative distance from a right complex step
WORK, FEWEST = 2 * 10**8, 5  # about the multiplications for a matrix and a state; the fewest entries compared


class Point(NamedTuple):
    """Weights theta at which the gradient is checked; their sigma, for messages; the largest allowed relative error."""

    sigma: float | str
    theta: Parameters
    tolerance: float


class ComparedEntries(NamedTuple):
    """B entries of one matrix, compared from one initial state (`zero` or `carried`).

    entries, analytic, numeric (B,)  raveled indices; gradient by rnn.py; derivative by the complex step
    """

    name: str
    state: str
    entries: Array
    analytic: Array
    numeric: Array
    starts: "Starts"

    @property
    def floor(self) -> float:
        """Return the floor of relative errors: see relative_error."""
        return SMALL * float(abs(self.numeric).max())


Starts = list[tuple[tuple[Array, Array], Array]]  # inputs and targets of each sequence, and its first state


def points(theta: Parameters, sigma: float | str, tolerance: float, seed: int) -> list[Point]:
    """Return the weights of the check: theta, weights with sigma `fan_in`, and large weights, which saturate units.

    theta was drawn with `sigma`. It is left out if sigma is `fan_in`, or so large that the network may be chaotic.
    """
    m, K = theta.m, theta.K
    large = round(min(0.5, LARGE / math.sqrt(m)), 3)
    drawn = {value: init(m, K, value, np.random.default_rng(seed)) for value in ("fan_in", large)}
    is_calm = sigma != "fan_in" and deviations(m, K, sigma)["W"] * math.sqrt(m) <= CALM
    first = [Point(sigma, theta, tolerance)] if is_calm else []
    return [*first, Point("fan_in", drawn["fan_in"], tolerance), Point(large, drawn[large], LARGE_TOLERANCE)]


@np.errstate(all="ignore")  # an unbounded network may overflow at large weights
def failures(points: list[Point], ids: Array, most: int, report: ProgressCallback) -> list[str]:
    """Return a line for each matrix whose gradient in rnn.py is wrong, with an entry, its gradient and its derivative.

    points  the result of the function `points`; only failures at the first point with a wrong gradient are returned
    ids     (T + 1, n) a column for each sequence
    most    number of entries of a matrix to compare
    report  called with the number of points done

    Raises CheckFailed if `rnn.forward` cannot be differentiated by the complex step, or a gradient is not finite.
    """
    _ensure_differentiable(points[-2].theta, ids)
    for done, point in enumerate(points, 1):
        wrong = dict[str, str]()
        try:
            for row in compare_matrices(point.theta, ids if point is not points[-1] else ids[: SHORT + 1], most):
                errors = relative_error(row.analytic, row.numeric, row.floor)
                worst = int(errors.argmax())
                if not errors[worst] <= point.tolerance:
                    place = f"{_place(point.theta, row, worst)} at the {row.state} state, sigma {point.sigma}"
                    numbers = f"gradient {row.analytic[worst]:.6g}, derivative {row.numeric[worst]:.6g}"
                    wrong.setdefault(row.name, f"{place}: {numbers}")
        except CheckFailed:
            if point is not points[-1]:  # at large weights, an overflow says nothing
                raise
        report(done, "")
        if wrong:
            return [wrong[name] for name in NAMES if name in wrong]
    return []


def _place(theta: Parameters, row: ComparedEntries, worst: int) -> str:
    """Return the entry with the index `worst` in `row` as text, such as `W[3, 4]`."""
    return f"{row.name}{[int(i) for i in np.unravel_index(row.entries[worst], getattr(theta, row.name).shape)]}"


def equation_errors(theta: Parameters, ids: Array, most: int) -> GradcheckErrors:
    """Return the errors of the gradient in rnn.py from a zero state, and from the state after reading ids[:-1].

    At most `most` entries of a matrix are compared. Raises CheckFailed as `compare_matrices` does.
    """
    rows = dict[str, dict[str, MatrixErrors]](zero={}, carried={})
    for row in compare_matrices(theta, ids, most):
        first = row.entries[:REPORT_ENTRIES]
        moved = np.array([_central_difference(theta, row.name, at, REPORT_STEP, row.starts) for at in first])
        compared = row.name, row.entries, row.analytic, row.numeric
        rows[row.state][row.name] = matrix_errors(theta, *compared, row.floor, moved)
    states = {state: Matrices[MatrixErrors](**matrices) for state, matrices in rows.items()}
    return GradcheckErrors(state_error=0.0, **states)


def compare_matrices(theta: Parameters, ids: Array, most: int) -> Iterator[ComparedEntries]:
    """Yield the comparison of each matrix, from a zero state and from the state after reading ids[:-1].

    At most `most` entries of a matrix are compared, fewer if the network is large: see WORK. Raises CheckFailed if a
    number is not finite, or if `rnn.forward` cannot be differentiated by the complex step.
    """
    T, m, K = len(ids) - 1, theta.m, theta.K
    most = min(most, max(FEWEST, WORK // (ids.shape[1] * T * m * (m + 2 * K))))
    zero = np.zeros((ids.shape[1], m))
    for state, h_0 in (("zero", zero), ("carried", by_numpy.summed(theta, ids, zero)[2])):
        gradient, starts = by_numpy.summed(theta, ids, h_0)[1], list(zip(sequences_of(ids), h_0, strict=True))
        for name in NAMES:
            entries, analytic = some_entries(theta, name, ids, most), getattr(gradient, name).ravel()
            numeric = np.array([_complex_step(theta, name, entry, starts) for entry in entries])
            if not np.isfinite(np.concatenate((analytic, numeric))).all():
                raise CheckFailed(f"the gradient of {name} at the initial weights is not finite: try a smaller sigma")
            yield ComparedEntries(name, state, entries, analytic[entries], numeric, starts)


def _ensure_differentiable(theta: Parameters, ids: Array) -> None:
    """Raise CheckFailed if the complex step through `rnn.forward` does not give the derivative of the loss.

    In each matrix, the derivative by the entry with the largest gradient is compared with a central difference.
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
                f"cannot be checked: the derivative by an entry of {name} is {real:.6g} by central differences, and "
                f"{imaginary:.6g} by the complex step"
            )


def some_entries(theta: Parameters, name: str, ids: Array, most: int) -> Array:
    """Return the indices of at most `most` entries of a matrix, evenly spread.

    Entries of U are taken from columns of characters that are read: the other columns have derivative 0.
    """
    places = np.arange(getattr(theta, name).size)
    if name == "U":
        places = places[np.isin(places % theta.K, ids[:-1])]
    some: Array = places[np.linspace(0, len(places) - 1, min(most, len(places))).astype(int)]
    return some


def _complex_step(theta: Parameters, name: str, entry: int, starts: Starts) -> float:
    """Return the derivative of the loss by an entry (raveled index) of a matrix, computed by the complex step.

    Raises CheckFailed if `rnn.forward` does not accept complex weights.
    """
    moved = Parameters(theta.flat.astype(complex), theta.m, theta.K)
    getattr(moved, name).reshape(-1)[entry] += 1j * STEP
    try:
        return sum(_loss(moved, *start).imag for start in starts) / STEP
    except TypeError as error:
        why = f"because complex weights give an error: {' '.join(str(error).split())}"
        raise CheckFailed(f"{FILE}: `forward` cannot be checked, {why}") from None


def _central_difference(theta: Parameters, name: str, entry: int, step: float, starts: Starts) -> float:
    """Return the derivative of the loss by an entry (raveled index) of a matrix, computed by central differences."""
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
