"""Compare the gradient of the kernel, and that of network/rnn.py, with numerical derivatives of the loss."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from charloom.base.errors import CheckFailed
from charloom.base.progress import Report, progress
from charloom.base.types import Array
from charloom.checking.numerical import RealParts, central_differences, complex_step, real_parts, relative_error
from charloom.kernel.advance import learned_gradients
from charloom.kernel.arrays import forward
from charloom.network import rnn
from charloom.network.recipe import OPTIMIZERS, Recipe
from charloom.network.rnn import NAMES, Parameters, filled, init
from charloom.results.records import GradcheckErrors, GradcheckMetrics, Matrices, MatrixAgreement, MatrixErrors
from charloom.settings.params import Params
from charloom.text.corpus import Text

SMALL = 1e-3  # of the largest sizes in a matrix (complex_step): smaller entries are judged on this scale, for rounding
SATURATED = 1e-12  # 1 − h² below it: rounding, 1e-16, takes away the digits that are compared
REFERENCE_ENTRIES = 200  # of a matrix, for the gradient of rnn.py: a formula, which is wrong everywhere if it is wrong
DIGITS = 17  # of float64
REPORT_STEP, REPORT_ENTRIES, REPORT_FLOOR = 1e-4, 20, 1e-10  # the source report's own check


def weights_and_batch(params: Params, text: Text) -> tuple[Parameters, Array]:
    """Return weights as those with which training starts, and the text's first batch (seq_length + 1, batch).

    The weights are drawn by a seed of their own: a formula that is right for one draw is right for all. A column of the
    batch is a sequence; each column goes on where the one before it ends.
    """
    theta = init(params.m, len(text.vocabulary), params.sigma, np.random.default_rng(params.gradcheck.seed))
    T = params.seq_length
    return theta, np.stack([text.training[n * T : (n + 1) * T + 1] for n in range(params.batch)], axis=1)


def initial_errors(params: Params, theta: Parameters, ids: Array) -> GradcheckErrors:
    """Return the errors of the gradient with which the params train, as `gradient_errors` does."""
    rates = OPTIMIZERS[params.optimizer].revealing()  # on eta, say, no gradient depends
    recipe = Recipe(params.m, params.seq_length, params.sigma, math.inf, "float64", rates, params.train.loss)
    most = -(-params.gradcheck.entries // params.batch)  # each entry is moved once for each sequence of the batch
    return gradient_errors(theta, ids, recipe, most, np.random.default_rng([params.gradcheck.seed, 4]))


def ensure_digits(params: Params, theta: Parameters, ids: Array) -> None:
    """Raise CheckFailed if the states that follow a zero state leave no digit in 1 − h²."""
    h = np.concatenate([forward(theta, x, np.zeros(params.m))[0] for x, _ in _sequences(ids)])
    if saturated := np.count_nonzero(1 - h**2 < SATURATED):
        raise CheckFailed(
            f"sigma: {params.sigma} is too large for a check: {saturated} of the first {h.size} states are so near 1 "
            "or -1 that 1 - h² has no digits; a smaller sigma is allowed"
        )


def gradient_errors(
    theta: Parameters, ids: Array, recipe: Recipe, most: int, rng: np.random.Generator
) -> GradcheckErrors:
    """Return how far the gradients of the loss of ids[1:] are from numerical ones, at zero and at carried states.

    ids (T + 1, n) whole numbers below K: a column for each sequence of a batch, whose losses are added up. The kernel's
    gradient is the one with which this recipe trains. Of a matrix with more than `most` entries, only that many are
    compared, drawn at random.

    Raises CheckFailed if a gradient is not finite.
    """
    sequences, states = _sequences(ids), _states(theta, ids)
    entries = {name: _chosen(getattr(theta, name).size, most, rng) for name in NAMES}

    found = {}
    for state, h_0 in states.items():  # before the progress begins: compiling would spoil its estimate of the time
        learned, h = learned_gradients(theta, ids, h_0, recipe)
        found[state] = learned, [real_parts(theta, x, y, h[:, n]) for n, (x, y) in enumerate(sequences)]
    measured = {}
    with progress("gradcheck", len(sequences) * len(states) * sum(map(len, entries.values()))) as report:
        done = 0
        for state, (learned, real) in found.items():
            rows = {}
            for name in NAMES:
                gradient = getattr(learned, name).ravel()
                rows[name] = _errors(theta, name, gradient, entries[name], sequences, real, report, done)
                done += len(sequences) * len(entries[name])
            measured[state] = Matrices[MatrixErrors](**rows)
    state_error = max(parts.state_error for _, real in found.values() for parts in real)
    return GradcheckErrors(state_error=state_error, **measured)


def _sequences(ids: Array) -> list[tuple[Array, Array]]:
    """Return the characters (T,) that each sequence reads, and those (T,) that follow them."""
    return list(zip(ids[:-1].T, ids[1:].T, strict=True))


def _states(theta: Parameters, ids: Array) -> dict[str, Array]:
    """Return the states (n, m) from which sequences are read: zero, and those in which they end when read from zero."""
    zero = np.zeros((ids.shape[1], theta.m))
    carried = [forward(theta, x, h_0)[0][-1] for (x, _), h_0 in zip(_sequences(ids), zero, strict=True)]
    return {"zero": zero, "carried": np.stack(carried)}


def _chosen(size: int, most: int, rng: np.random.Generator) -> Array:
    """Return all indices below size, or `most` of them drawn at random where there are more."""
    return np.arange(size) if size <= most else np.sort(rng.choice(size, most, replace=False))


def _errors(
    theta: Parameters,
    name: str,
    analytic: Array,
    entries: Array,
    sequences: list[tuple[Array, Array]],
    real: list[RealParts],
    report: Report,
    done: int,
) -> MatrixErrors:
    """Return the errors of the kernel's gradient of the matrix `name`, raveled, over these entries (B,) of it.

    real  of each sequence, along the states by which the gradient was computed

    Calls `report` with the number of entries done in each sequence, those of other matrices included.
    """
    numeric, sizes = _steps(theta, name, entries, real, lambda more: report(done + more, name))
    compared, first = analytic[entries], entries[:REPORT_ENTRIES]
    both = zip(sequences, real, strict=True)
    moved = [central_differences(theta, name, first, REPORT_STEP, *pair, each.h[0]) for pair, each in both]
    differences = np.sum(moved, axis=0)
    if not np.isfinite(np.concatenate([analytic, numeric, differences])).all():
        raise CheckFailed(f"the gradient of {name} at the initial weights is not finite: a smaller sigma may help")
    error = relative_error(compared, numeric, SMALL * sizes.max())
    worst = int(np.argmax(error))
    return MatrixErrors(
        max_relative_error=float(error[worst]),
        worst_entry=[int(i) for i in np.unravel_index(entries[worst], getattr(theta, name).shape)],
        analytic=float(compared[worst]),
        numeric=float(numeric[worst]),
        entries=len(entries),
        entries_zero=int(((compared == 0) & (numeric == 0)).sum()),
        report_relative_error=float(relative_error(analytic[first], differences, REPORT_FLOOR).max()),
    )


def reference_failures(theta: Parameters, ids: Array, tolerance: float) -> Iterator[str]:
    """Yield a line for each matrix and state for which the gradient by network/rnn.py is off by over `tolerance`.

    Its error is a rounding error of NumPy's matrix products, which differ between processors, so no file has it.
    """
    sequences = _sequences(ids)
    for state, h_0 in _states(theta, ids).items():
        gradients, real = filled(0.0, theta.m, theta.K), list[RealParts]()
        for (x, y), h in zip(sequences, h_0, strict=True):
            gradients.flat[:] += rnn.loss_and_gradients(theta, x, y, h)[1].flat
            real.append(real_parts(theta, x, y, rnn.forward(theta, x, h)[0]))
        for name in NAMES:
            analytic = getattr(gradients, name).ravel()
            some = np.arange(0, analytic.size, -(-analytic.size // REFERENCE_ENTRIES))
            numeric, sizes = _steps(theta, name, some, real)
            error = relative_error(analytic[some], numeric, SMALL * sizes.max()).max()
            if not error <= tolerance:
                yield (
                    f"{name} at the {state} state: network/rnn.py, compared with the complex step, "
                    f"relative error {error:.2e} > {tolerance}"
                )


def _steps(
    theta: Parameters, name: str, entries: Array, real: list[RealParts], report: Callable[[int], None] = lambda _: None
) -> Array:
    """Return what complex_step does (2, B), of all sequences together; `report` the entries done in each."""
    total, done = np.zeros((2, len(entries))), 0

    def more(of_this: int) -> None:
        report(done + of_this)

    for each in real:
        total += complex_step(theta, name, entries, each, more)
        done += len(entries)
    return total


def failures(errors: GradcheckErrors, tolerance: float) -> list[str]:
    """Return a line for each matrix and state whose error, of the kernel's gradient, exceeds `tolerance`."""
    lines = []
    if not errors.state_error <= tolerance:
        lines.append(f"the kernel's hidden states: off by {errors.state_error:.2e} > {tolerance}")
    for state, matrices in (("zero", errors.zero), ("carried", errors.carried)):
        for name in NAMES:
            row: MatrixErrors = getattr(matrices, name)
            if not row.max_relative_error <= tolerance:
                lines.append(
                    f"{name}{row.worst_entry} at the {state} state: analytic {row.analytic!r}, complex step "
                    f"{row.numeric!r}, relative error {row.max_relative_error:.2e} > {tolerance}"
                )
    return lines


def verdict(errors: GradcheckErrors, tolerance: float, passed: bool) -> GradcheckMetrics:
    """Return the summary of the check: for each matrix the decimal digits in which the gradients agree.

    Digits beyond those of the tolerance are rounding errors and are not counted.
    """

    def agreement(row: MatrixErrors) -> MatrixAgreement:
        error = max(row.max_relative_error, tolerance)
        digits = sum(error <= float(f"1e-{n}") for n in range(1, DIGITS + 1))
        return MatrixAgreement(entries=row.entries, entries_zero=row.entries_zero, agreeing_digits=digits)

    zero, carried = (
        Matrices[MatrixAgreement](**{name: agreement(getattr(matrices, name)) for name in NAMES})
        for matrices in (errors.zero, errors.carried)
    )
    return GradcheckMetrics(passed=passed, tolerance=tolerance, zero=zero, carried=carried)
