"""gradcheck: check that the kernel's gradient is the derivative of the loss. If not, training does not start."""

from charloom.core.runtime.stage import run_stage
from charloom.checking import check, equations
from charloom.core.base.errors import CheckFailed
from charloom.core.base.progress import progress
from charloom.core.base.storage import write_json
from charloom.core.config.pipeline import files
from charloom.core.kernel.ahead import compile_ahead
from charloom.core.network.recipe import KERNEL
from charloom.core.network.rnn import NAMES
from charloom.core.runtime.inputs import Inputs
from charloom.core.text.corpus import read_prepared

KNOWN = "python docs/check_rnn.py"
ENTRIES, FEW = 200, 20  # entries of a matrix to compare for rnn.py: if it trains; if the kernel trains
SEQUENCES = 2  # of a batch: for rnn.py a batch is a loop
WRONG = {  # the message for each kind of failure
    "kernel": (
        "the kernel's gradient is wrong: {}. An error above 1e-6 means a mistake in src/charloom/core/kernel; "
        "a smaller one may be rounding: a larger gradcheck.tolerance or a smaller sigma may help"
    ),
    "rnn": (
        "the gradient in network/rnn.py is not the derivative of its forward pass: {}. Correct the backward pass; if "
        f"the network still uses tanh, `{KNOWN}` recognizes common mistakes"
    ),
    "other": "{}; set `backend: numpy` in params.yaml to train the network in network/rnn.py",
    "evidence": (
        "the check shows nothing about {}: gradient and derivative are zero in all compared entries; choose a smaller "
        "sigma"
    ),
}


def main(inputs: Inputs) -> None:
    """Check the gradients of W, U, V, b and c at initial weights, from a zero state and from a carried state.

    Writes metrics/gradcheck.json and reports/gradcheck.json, and prints a table of errors. The table is for the
    kernel's gradient, or, with the backend `numpy`, for the gradient in network/rnn.py. The gradient in network/rnn.py
    is checked with both backends. Raises CheckFailed if a gradient is wrong, if the kernel computes another network
    than network/, or if a matrix has only zeros. Raises CheckFailed, and writes nothing, if a gradient is not finite.
    """
    params, path = inputs.params, files("gradcheck")
    text = read_prepared(path["prepared/text"])
    text.check(path["prepared/text"], params.seq_length, params.batch)
    theta, ids = check.weights_and_batch(params, text)
    tolerance, most, reason, lines = params.gradcheck.tolerance, ENTRIES, "", list[str]()
    if params.backend == KERNEL:
        compile_ahead(len(text.vocabulary))
        errors, most = check.initial_errors(params, theta, ids), FEW
        reason, lines = "kernel", check.failures(errors, tolerance)
    else:
        most = min(ENTRIES, params.gradcheck.entries)
        errors = equations.equation_errors(theta, ids[:, :SEQUENCES], most)
    if not lines:
        points = equations.points(theta, params.sigma, tolerance, params.gradcheck.seed)
        with progress("network/rnn.py", len(points)) as report:
            reason, lines = "rnn", equations.failures(points, ids[:, :SEQUENCES], most, report)
    if not lines and params.backend == KERNEL:
        reason, lines = "other", list(filter(None, [check.network_difference(params, text)]))
    if not lines:
        reason, lines = "evidence", check.without_evidence(errors)
    write_json(path["metrics/gradcheck"], check.check_record(errors, tolerance, not lines).model_dump())
    write_json(path["reports/gradcheck"], errors.model_dump())
    wrong = lines and reason in {"kernel", "rnn"}
    whose = " of the kernel's gradient" if params.backend == KERNEL else ""
    judged = f"gradient {'wrong' if wrong else 'right'}{' in network/rnn.py' if wrong and reason == 'rnn' else ''}"
    print(f"{judged}; relative errors{whose}, by the complex step and by central differences:")
    print(f"{'':10}{'entries':>9}{'not zero':>9}{'complex step':>14}{'report':>11}")
    for state, matrices in (("zero", errors.zero), ("carried", errors.carried)):
        for name in NAMES:
            row = getattr(matrices, name)
            print(
                f"{name}  {state:7}{row.entries:9,}{row.entries - row.entries_zero:9,}"
                f"{row.max_relative_error:14.2e}{row.report_relative_error:11.2e}"
            )
    if lines:
        if reason == "kernel":
            check.ensure_digits(params, theta, ids)
        raise CheckFailed(WRONG[reason].format("; ".join(lines)))


if __name__ == "__main__":
    run_stage(main)
