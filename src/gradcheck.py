"""gradcheck: check that the kernel's gradient is the derivative of the loss. If not, training does not start."""

from charloom.core.runtime.stage import run_stage
from charloom.checking import check
from charloom.core.base.errors import CheckFailed
from charloom.core.base.storage import write_json
from charloom.core.kernel.ahead import compile_ahead
from charloom.core.network.rnn import NAMES
from charloom.core.runtime.inputs import Inputs
from charloom.core.settings.pipeline import files
from charloom.core.text.corpus import read_prepared

HELP = (
    "An error above 1e-6 means a mistake in src/charloom/core/kernel, or in network/rnn.py if the error names this "
    "file; a smaller one may be rounding: a larger gradcheck.tolerance or a smaller sigma may help"
)


def main(inputs: Inputs) -> None:
    """Check the gradients of W, U, V, b and c at initial weights, from a zero state and from a carried state.

    Writes metrics/gradcheck.json and reports/gradcheck.json, and prints a table. Raises CheckFailed if an error is
    above gradcheck.tolerance. Raises CheckFailed, and writes nothing, if a gradient is not finite.
    """
    params, path = inputs.params, files("gradcheck")
    text = read_prepared(path["prepared/text"])
    text.check(path["prepared/text"], params.seq_length, params.batch)
    compile_ahead(len(text.vocabulary))
    theta, ids = check.weights_and_batch(params, text)
    errors, tolerance = check.initial_errors(params, theta, ids), params.gradcheck.tolerance
    lines = [*check.failures(errors, tolerance), *check.reference_failures(theta, ids, tolerance)]
    write_json(path["metrics/gradcheck"], check.verdict(errors, tolerance, not lines).model_dump())
    write_json(path["reports/gradcheck"], errors.model_dump())
    print(f"gradient {'wrong' if lines else 'right'}; errors by complex step, and by the report's central differences:")
    print(f"{'':10}{'entries':>9}{'are zero':>9}{'complex step':>14}{'report':>11}")
    for state, matrices in (("zero", errors.zero), ("carried", errors.carried)):
        for name in NAMES:
            row = getattr(matrices, name)
            print(
                f"{name}  {state:7}{row.entries:9,}{row.entries_zero:9,}"
                f"{row.max_relative_error:14.2e}{row.report_relative_error:11.2e}"
            )
    if lines:
        check.ensure_digits(params, theta, ids)
        raise CheckFailed(f"the gradient is wrong: {'; '.join(lines)}. {HELP}")


if __name__ == "__main__":
    run_stage(main)
