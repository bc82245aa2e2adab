"""Is a gradient the derivative of the loss? That of the kernel and that of network/rnn.py, beside numerical ones."""

import math
from collections.abc import Callable

import numpy as np

from charloom.base.errors import CheckFailed
from charloom.base.progress import Report, progress
from charloom.base.types import Array
from charloom.checking.numerical import RealParts, central_differences, complex_step, real_parts, relative_error
from charloom.kernel.advance import learned_gradients
from charloom.network.recipe import OPTIMIZERS, Recipe
from charloom.network.rnn import NAMES, Gradients, Parameters, filled, forward, init, loss_and_gradients
from charloom.results.records import GradcheckErrors, GradcheckMetrics, Matrices, MatrixAgreement, MatrixErrors
from charloom.settings.params import Params
from charloom.text.corpus import Text

SMALL = 1e-3  # of the largest sizes in a matrix (complex_step): smaller entries are judged on this scale, for rounding
SATURATED = 1e-12  # 1 − h² below it: rounding, 1e-16, takes away the digits that are compared
REFERENCE_ENTRIES = 200  # of a matrix, for the gradient of rnn.py: a formula, which is wrong everywhere if it is wrong
REPORT_STEP, REPORT_ENTRIES, REPORT_FLOOR = 1e-4, 20, 1e-10  # the source report's own check


def initial_errors(params: Params, text: Text) -> GradcheckErrors:
    """Return the errors of the gradient of the text's first batch, at weights as those with which training starts.

    They are drawn by a seed of their own: a formula that is right for one draw is right for all.

    Raises CheckFailed where a gradient is not finite.
    """
    seed = params.gradcheck.seed
    theta = init(params.m, len(text.vocabulary), params.sigma, np.random.default_rng(seed))
    ids, rng = first_batch(params, text), np.random.default_rng([seed, 4])
    rates = OPTIMIZERS[params.optimizer].revealing()  # on eta, say, no gradient depends
    recipe = Recipe(params.m, params.seq_length, params.sigma, math.inf, "float64", rates, params.train.loss)
    # Each entry is moved once for each sequence of the batch.
    return gradient_errors(theta, ids, recipe, -(-params.gradcheck.entries // params.batch), rng)


def first_batch(params: Params, text: Text) -> Array:
    """Return the text's first sequences (seq_length + 1, batch), one after the other, a column each."""
    T = params.seq_length
    return np.stack([text.training[n * T : (n + 1) * T + 1] for n in range(params.batch)], axis=1)


def ensure_digits(params: Params, text: Text) -> None:
    """Raise CheckFailed where states, at the weights of `initial_errors`, leave no digit in 1 − h²."""
    theta = init(params.m, len(text.vocabulary), params.sigma, np.random.default_rng(params.gradcheck.seed))
    read = first_batch(params, text)[:-1].T
    h = np.concatenate([forward(theta, x, np.zeros(params.m))[0] for x in read])
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

    Raises CheckFailed where a gradient is not finite.
    """
    sequences, zero = list(zip(ids[:-1].T, ids[1:].T, strict=True)), np.zeros((ids.shape[1], theta.m))
    states = {"zero": zero, "carried": np.stack([forward(theta, x, zero[0])[0][-1] for x, _ in sequences])}
    entries = {name: _chosen(getattr(theta, name).size, most, rng) for name in NAMES}

    found = {}
    for state, h_0 in states.items():  # before the progress begins: compiling would spoil its estimate of the time
        learned, h = learned_gradients(theta, ids, h_0, recipe)
        by_numpy, real, its_real = filled(0.0, theta.m, theta.K), list[RealParts](), list[RealParts]()
        for n, (x, y) in enumerate(sequences):
            by_numpy.flat[:] += loss_and_gradients(theta, x, y, h_0[n])[1].flat
            real.append(real_parts(theta, x, y, h[:, n]))
            its_real.append(real_parts(theta, x, y, forward(theta, x, h_0[n])[0]))
        found[state] = (learned, real), (by_numpy, its_real)
    measured = {}
    with progress("gradcheck", len(sequences) * len(states) * sum(map(len, entries.values()))) as report:
        done = 0
        for state, gradients in found.items():
            rows = {}
            for name in NAMES:
                rows[name] = _errors(theta, name, *gradients, entries[name], sequences, report, done)
                done += len(sequences) * len(entries[name])
            measured[state] = Matrices[MatrixErrors](**rows)
    off = max(each.state_error for (_, real), _ in found.values() for each in real)
    return GradcheckErrors(state_error=off, **measured)


def _chosen(size: int, most: int, rng: np.random.Generator) -> Array:
    """Return all indices below size, or `most` of them drawn at random where there are more."""
    return np.arange(size) if size <= most else np.sort(rng.choice(size, most, replace=False))


def _errors(
    theta: Parameters,
    name: str,
    kernel: tuple[Gradients, list[RealParts]],
    reference: tuple[Gradients, list[RealParts]],
    entries: Array,
    sequences: list[tuple[Array, Array]],
    report: Report,
    done: int,
) -> MatrixErrors:
    """Return the errors of the matrix `name`, over these entries (B,) of its raveled form.

    `kernel` and `reference` are gradients, with the real parts of each sequence along the states by which they were
    computed. Calls `report` with the number of entries done in each sequence, those of other matrices included.
    """
    (gradients, real), (by_numpy, its_real) = kernel, reference
    analytic = getattr(gradients, name).ravel()
    numeric, sizes = _steps(theta, name, entries, real, lambda more: report(done + more, name))
    compared, first = analytic[entries], entries[:REPORT_ENTRIES]
    both = zip(sequences, real, strict=True)
    moved = [central_differences(theta, name, first, REPORT_STEP, *pair, each.h[0]) for pair, each in both]
    differences = np.sum(moved, axis=0)
    some = entries[:: -(-len(entries) // REFERENCE_ENTRIES)]
    reference_some, (numeric_some, _) = getattr(by_numpy, name).ravel()[some], _steps(theta, name, some, its_real)
    if not np.isfinite(np.concatenate([analytic, reference_some, numeric, numeric_some, differences])).all():
        raise CheckFailed(f"the gradient of {name} at the initial weights is not finite: a smaller sigma may help")
    floor = SMALL * sizes.max()
    error = relative_error(compared, numeric, floor)
    worst = int(np.argmax(error))
    return MatrixErrors(
        max_relative_error=float(error[worst]),
        worst_entry=[int(i) for i in np.unravel_index(entries[worst], getattr(theta, name).shape)],
        analytic=float(compared[worst]),
        numeric=float(numeric[worst]),
        entries=len(entries),
        entries_zero=int(((compared == 0) & (numeric == 0)).sum()),
        reference_relative_error=float(relative_error(reference_some, numeric_some, floor).max()),
        report_relative_error=float(relative_error(analytic[first], differences, REPORT_FLOOR).max()),
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
    """Return a line for each matrix, state and gradient, the kernel's or rnn.py's, that is off by over `tolerance`."""
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
            if not row.reference_relative_error <= tolerance:
                lines.append(
                    f"{name} at the {state} state: network/rnn.py beside the complex step, "
                    f"relative error {row.reference_relative_error:.2e} > {tolerance}"
                )
    return lines


def verdict(errors: GradcheckErrors, tolerance: float) -> GradcheckMetrics:
    """Return what is equal on every processor: beyond the tolerance's digits rounding decides, so none are counted."""

    def agreement(row: MatrixErrors) -> MatrixAgreement:
        digits = min(-math.log10(max(row.max_relative_error, 1e-17)), -math.log10(tolerance))
        return MatrixAgreement(entries=row.entries, entries_zero=row.entries_zero, agreeing_digits=math.floor(digits))

    zero, carried = (
        Matrices[MatrixAgreement](**{name: agreement(getattr(matrices, name)) for name in NAMES})
        for matrices in (errors.zero, errors.carried)
    )
    passed = not failures(errors, tolerance)
    return GradcheckMetrics(passed=passed, tolerance=tolerance, zero=zero, carried=carried)
