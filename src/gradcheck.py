"""gradcheck: the gate. Training starts only if what the kernel learns from is the derivative of the loss."""

import math
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import charloom.environment  # noqa: F401  first: a foreign Python is refused in a line

import numpy as np

from charloom.corpus import read_prepared
from charloom.errors import CheckFailed
from charloom.gradients import central_differences, complex_step, relative_error
from charloom.kernel import gradients
from charloom.params import read_params
from charloom.pipeline import files, stage
from charloom.progress import Report, progress
from charloom.records import Agreement, Check, Checks, Gradcheck, Matrices
from charloom.rnn import NAMES, Array, Parameters, forward, init
from charloom.storage import write_json

BATCH = 128  # networks side by side: their complex states still fit the cache …
NUMBERS = 2**21  # … or, for a large K, memory
SMALL = 1e-4  # an entry this much below its matrix's largest is judged on that scale: its digits have cancelled
REPORT_STEP, REPORT_ENTRIES, REPORT_FLOOR = 1e-4, 20, 1e-10  # the source report's own check


def main() -> None:
    """Check W, U, V, b and c at the initial weights, from a zero state and from a carried one."""
    params = read_params()
    path = files("gradcheck")
    text = read_prepared(path["prepared/text"])
    text.check(path["prepared/text"], params.seq_length)
    K, ids = len(text.vocabulary), text.training[: params.seq_length + 1]
    x, y = ids[:-1], ids[1:]
    theta = init(params.m, K, params.sigma, np.random.default_rng(params.seed))
    zero = np.zeros(params.m)
    states = {"zero": zero, "carried": forward(theta, x, zero)[0][-1]}
    rng = np.random.default_rng([params.seed, 4])
    entries = {name: _chosen(getattr(theta, name).size, params.gradcheck.entries, rng) for name in NAMES}

    compiled = {state: gradients(theta, ids, h_0) for state, h_0 in states.items()}
    measured: dict[str, Matrices[Check]] = {}
    with progress("gradcheck", len(states) * sum(map(len, entries.values()))) as report:
        done = 0
        for state, h_0 in states.items():
            rows = {}
            for name in NAMES:
                rows[name] = _check(theta, name, getattr(compiled[state], name), entries[name], x, y, h_0, report, done)
                done += len(entries[name])
            measured[state] = Matrices[Check](**rows)

    tolerance = params.gradcheck.tolerance
    checked = [(state, name, getattr(matrices, name)) for state, matrices in measured.items() for name in NAMES]
    failed = [
        f"{name}{row.worst_entry} at the {state} state: analytic {row.analytic!r}, "
        f"complex step {row.numeric!r}, relative error {row.max_relative_error:.2e} > {tolerance}"
        for state, name, row in checked
        if not row.max_relative_error <= tolerance
    ]
    portable = {state: _portable(matrices, tolerance) for state, matrices in measured.items()}
    verdict = Gradcheck(passed=not failed, tolerance=tolerance, **portable)
    write_json(path["metrics/gradcheck"], verdict.model_dump())
    write_json(path["reports/gradcheck"], Checks(**measured).model_dump())
    for state, name, row in checked:
        print(
            f"{name}  {state:7}  complex step {row.max_relative_error:.2e} over {row.entries:6,} entries"
            f" ({row.entries_zero:,} zero)   the report's check {row.report_relative_error:.2e}"
        )
    if failed:
        raise CheckFailed("the gradient is wrong: " + "; ".join(failed))


def _chosen(size: int, most: int, rng: np.random.Generator) -> Array:
    """Return all indices below size, or `most` of them drawn at random where there are more."""
    return np.arange(size) if size <= most else np.sort(rng.choice(size, most, replace=False))


def _check(
    theta: Parameters,
    name: str,
    analytic: Array,
    entries: Array,
    x: Array,
    y: Array,
    h_0: Array,
    report: Report,
    done: int,
) -> Check:
    """Return the errors of one matrix at one state: its worst entry by the complex step, and the report's check."""
    analytic = analytic.ravel()
    batch = max(1, min(BATCH, NUMBERS // (theta.m + theta.K)))
    batches = np.split(entries, range(batch, len(entries), batch))
    with ThreadPoolExecutor(2) as executor:  # NumPy releases the interpreter while it computes
        parts = []
        for part in executor.map(partial(complex_step, theta, name, x=x, y=y, h_0=h_0), batches):
            parts.append(part)
            done += len(part)
            report(done, name)
    numeric, compared = np.concatenate(parts), analytic[entries]
    first = entries[:REPORT_ENTRIES]
    differences = central_differences(theta, name, first, REPORT_STEP, x, y, h_0)
    if not np.isfinite(np.concatenate([analytic, numeric, differences])).all():
        raise CheckFailed(f"the gradient of {name} at the initial weights is not finite: a smaller sigma may help")
    error = relative_error(compared, numeric, SMALL * abs(compared).max())
    worst = int(np.argmax(error))
    return Check(
        max_relative_error=float(error[worst]),
        worst_entry=[int(i) for i in np.unravel_index(entries[worst], getattr(theta, name).shape)],
        analytic=float(compared[worst]),
        numeric=float(numeric[worst]),
        entries=len(entries),
        entries_zero=int(((compared == 0) & (numeric == 0)).sum()),
        report_relative_error=float(relative_error(analytic[first], differences, REPORT_FLOOR).max()),
    )


def _portable(matrices: Matrices[Check], tolerance: float) -> Matrices[Agreement]:
    """Return what is equal on every processor. Digits are counted up to the tolerance's: rounding decides beyond."""
    rows = {}
    for name in NAMES:
        row = getattr(matrices, name)
        digits = min(-math.log10(max(row.max_relative_error, 1e-17)), -math.log10(tolerance))
        rows[name] = Agreement(entries=row.entries, entries_zero=row.entries_zero, agreeing_digits=math.floor(digits))
    return Matrices[Agreement](**rows)


stage(main)
