"""Compare the kernel's gradient with numerical derivatives of the loss, and the kernel's results with network/.

The kernel is the compiled code that trains; network/ has the same equations in NumPy. equations.py checks network/.
"""

import math
from collections.abc import Callable
from itertools import product

import numpy as np

from charloom.checking.numerical import (
    REPORT_ENTRIES,
    REPORT_STEP,
    RealParts,
    central_differences,
    complex_step,
    matrix_errors,
    real_parts,
    sequences_of,
)  # fmt: skip
from charloom.core.backend import by_kernel, by_numpy
from charloom.core.base.errors import CheckFailed
from charloom.core.base.progress import progress
from charloom.core.base.types import Array
from charloom.core.config.params import Params
from charloom.core.config.records import GradcheckErrors, GradcheckMetrics, Matrices, MatrixAgreement, MatrixErrors
from charloom.core.kernel.advance import learned_gradients
from charloom.core.kernel.arrays import forward
from charloom.core.network.recipe import OPTIMIZERS, Recipe
from charloom.core.network.rnn import NAMES, Gradients, Parameters, init
from charloom.core.network.state import initial_state
from charloom.core.text.corpus import Text

SMALL = 1e-3  # floor of relative errors, as a fraction of the largest size in a matrix: see complex_step
SATURATED = 1e-12  # below this 1 − h², rounding errors of 1e-16 destroy the compared digits
# Of `network_difference`: the learning rate, the number of updates, and the largest difference by rounding.
RATE, UPDATES, SAME = 0.01, 3, 1e-6
DIGITS = 17  # decimal digits of float64


def weights_and_batch(params: Params, text: Text) -> tuple[Parameters, Array]:
    """Return random initial weights, and a batch from the start of the training text: ids (seq_length + 1, batch).

    The weights have the distribution of training's initial weights, but are drawn with gradcheck.seed. A column is a
    sequence. The sequences are consecutive, unlike those of a batch in training: the last character of a column is the
    first character of the next.
    """
    theta = init(params.m, len(text.vocabulary), params.sigma, np.random.default_rng(params.gradcheck.seed))
    T = params.seq_length
    return theta, np.stack([text.training[n * T : (n + 1) * T + 1] for n in range(params.batch)], axis=1)


def initial_errors(params: Params, theta: Parameters, ids: Array) -> GradcheckErrors:
    """Return the errors of the kernel's gradient for these params, in float64 and without clipping.

    theta and ids are the results of `weights_and_batch`. At most gradcheck.entries / batch entries (rounded up) of a
    matrix are compared. Raises CheckFailed if a gradient is not finite.
    """
    rates = OPTIMIZERS[params.optimizer].revealing()  # the gradient does not depend on the rates
    recipe = Recipe(params.m, params.seq_length, params.sigma, math.inf, "float64", rates, params.train.loss)
    limit = -(-params.gradcheck.entries // params.batch)  # an entry costs one derivative per sequence of the batch
    return gradient_errors(theta, ids, recipe, limit, np.random.default_rng([params.gradcheck.seed, 4]))


def ensure_digits(params: Params, theta: Parameters, ids: Array) -> None:
    """Raise CheckFailed if an activation h is so close to ±1 that 1 − h² has no correct digits.

    The activations are those of the batch `ids`, with every sequence read from a zero state.
    """
    h = np.concatenate([forward(theta, x, np.zeros(params.m))[0] for x, _ in sequences_of(ids)])
    if saturated := np.count_nonzero(1 - h**2 < SATURATED):
        raise CheckFailed(
            f"sigma: {params.sigma} is too large for the gradient check: {saturated} of {h.size} hidden activations "
            "are so close to 1 or -1 that 1 - h² has no correct digits; choose a smaller sigma"
        )


def gradient_errors(
    theta: Parameters,
    ids: Array,
    recipe: Recipe,
    limit: int,
    rng: np.random.Generator,
    of_kernel: Callable[..., tuple[Gradients, Array]] = learned_gradients,
) -> GradcheckErrors:
    """Return the errors of the kernel's gradient, compared with numerical gradients, from both states of `_states`.

    ids        (T + 1, n) integers below K, a column per sequence; the loss is the sum over the sequences
    recipe     selects the compiled code to check
    limit      number of entries of a matrix to compare; `rng` draws them if the matrix has more
    of_kernel  returns the kernel's gradient and states, as `learned_gradients` does

    Shows a progress bar. Raises CheckFailed if a gradient is not finite.
    """
    sequences, states = sequences_of(ids), _states(theta, ids)
    entries = {name: _drawn_entries(theta, name, ids, limit, rng) for name in NAMES}

    gradients = {}
    for state, h_0 in states.items():  # before the progress bar: compilation would distort its estimate of the time
        learned, h = of_kernel(theta, ids, h_0, recipe)
        gradients[state] = learned, [real_parts(theta, x, y, h[:, n]) for n, (x, y) in enumerate(sequences)]
    rows = dict[str, dict[str, MatrixErrors]](zero={}, carried={})
    with progress("gradcheck", len(states) * len(NAMES)) as report:
        for done, (state, name) in enumerate(product(states, NAMES), 1):
            learned, real = gradients[state]
            rows[state][name] = _errors(theta, name, getattr(learned, name).ravel(), entries[name], real)
            report(done, name)
    state_error = max(parts.state_error for _, real in gradients.values() for parts in real)
    measured = {state: Matrices[MatrixErrors](**matrices) for state, matrices in rows.items()}
    return GradcheckErrors(state_error=state_error, **measured)


def _states(theta: Parameters, ids: Array) -> dict[str, Array]:
    """Return two initial states (n, m): `zero`, and `carried`, the states after reading ids[:-1] from zero."""
    zero = np.zeros((ids.shape[1], theta.m))
    carried = [forward(theta, x, h_0)[0][-1] for (x, _), h_0 in zip(sequences_of(ids), zero, strict=True)]
    return {"zero": zero, "carried": np.stack(carried)}


def _drawn_entries(theta: Parameters, name: str, ids: Array, limit: int, rng: np.random.Generator) -> Array:
    """Return the sorted indices of all entries of a matrix, or of `limit` random entries if the matrix has more.

    Random entries of U are taken from columns of characters that are read: the other columns have derivative 0.
    """
    places = np.arange(getattr(theta, name).size)
    if len(places) <= limit:
        return places
    moving = places[np.isin(places % theta.K, ids[:-1])] if name == "U" else places
    return np.sort(rng.choice(moving, min(limit, len(moving)), replace=False))


def _errors(theta: Parameters, name: str, analytic: Array, entries: Array, real: list[RealParts]) -> MatrixErrors:
    """Return the errors of the kernel's gradient of the matrix `name`.

    analytic  the kernel's gradient, raveled
    entries   (B,) indices of the entries to compare
    real      the RealParts of each sequence, computed from the kernel's states

    Raises CheckFailed if a gradient is not finite.
    """
    numeric, sizes = np.sum([complex_step(theta, name, entries, parts) for parts in real], axis=0)
    first = entries[:REPORT_ENTRIES]
    by_sequence = [central_differences(theta, name, first, REPORT_STEP, x.x, x.y, x.h[0]) for x in real]
    differences = np.sum(by_sequence, axis=0)
    if not np.isfinite(np.concatenate([analytic, numeric, differences])).all():
        raise CheckFailed(f"the gradient of {name} at the initial weights is not finite; try a smaller sigma")
    return matrix_errors(theta, name, entries, analytic[entries], numeric, SMALL * sizes.max(), differences)


def failures(errors: GradcheckErrors, tolerance: float) -> list[str]:
    """Return a line for each matrix and initial state for which the kernel's gradient has an error above `tolerance`.

    If the kernel's hidden states have an error above `tolerance`, the first line says so. NaN counts as an error.
    """
    lines = []
    if not errors.state_error <= tolerance:
        lines.append(f"the kernel's hidden states: largest error {errors.state_error:.2e} > {tolerance}")
    for state, matrices in (("zero", errors.zero), ("carried", errors.carried)):
        for name in NAMES:
            row: MatrixErrors = getattr(matrices, name)
            if not row.max_relative_error <= tolerance:
                lines.append(
                    f"{name}{row.worst_entry} at the {state} state: analytic {row.analytic!r}, complex step "
                    f"{row.numeric!r}, relative error {row.max_relative_error:.2e} > {tolerance}"
                )
    return lines


def without_evidence(errors: GradcheckErrors) -> list[str]:
    """Return the names of the matrices whose compared entries are all zero in both gradients: they show nothing."""
    sides = [(name, getattr(errors.zero, name), getattr(errors.carried, name)) for name in NAMES]
    return [name for name, *rows in sides if all(row.entries_zero == row.entries for row in rows)]


def network_difference(params: Params, text: Text) -> str:
    """Return a sentence that says how the kernel differs from network/, or "" if they agree except for rounding.

    Kernel and network/ read the beginning of the training text with the same weights, and make UPDATES updates.
    """
    K, T = len(text.vocabulary), params.seq_length
    optimizer = OPTIMIZERS[params.optimizer](RATE)
    recipe = Recipe(params.m, T, "fan_in", 5.0, "float64", optimizer, params.train.loss, batch=params.batch)
    first, both = initial_state(recipe, K, params.gradcheck.seed), (by_kernel, by_numpy)
    (h, o), (own_h, own_o) = (backend.forward(first.theta, text.training[:T], first.h[0]) for backend in both)
    for quantity, kernel_value, network_value in (("state h", h, own_h), ("output o", o, own_o)):
        if not (apart := float(abs(kernel_value - network_value).max())) <= SAME:
            return f"the kernel computes another network than network/rnn.py: a {quantity} differs by {apart:.2g}"
    ends = [backend.advance(first, text.training, UPDATES, recipe).after for backend in both]
    if not (apart := float(abs(ends[0].theta.flat - ends[1].theta.flat).max())) <= SAME:
        file = f"network/{params.optimizer}.py"
        return f"the kernel takes other steps than {file}: after {UPDATES} updates a weight differs by {apart:.2g}"
    return ""


def check_record(errors: GradcheckErrors, tolerance: float, passed: bool) -> GradcheckMetrics:
    """Return the content of metrics/gradcheck.json: the decimal digits to which the gradients of each matrix agree.

    An error below `tolerance` counts as `tolerance`, because digits beyond it are rounding errors. `passed` is stored
    unchanged.
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
