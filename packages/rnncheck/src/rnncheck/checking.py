"""Call the functions of an author's program, judge the results, and report the verdicts."""

import os
import pickle
import random
import re
import sysconfig
import traceback
import warnings
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rnncheck import gradient, loop, sampler, steps
from rnncheck.cases import About
from rnncheck.results import array, matrices
from rnncheck.verdicts import UNCHECKED, CallResults, Report, Unreadable, Verdict

REPORT = "RNNCHECK_REPORT"  # the file to which a report is appended: see scripts.py
OF_SIZE = re.compile("shape|ValueError|IndexError|KeyError|its program says|is a NoneType")  # errors of fixed sizes
PARTS = {
    "gradients": (gradient.calls, gradient.judge),
    "step": (steps.calls, steps.judge),
    "losses": (loop.calls, loop.judge),
    "following": (sampler.following_calls, sampler.judge_following),
    "sample": (sampler.sample_calls, sampler.judge_sample),
}


def check(
    *,
    gradients: Callable[..., Any] | None = None,
    step: Callable[..., Any] | None = None,
    following: Callable[..., Any] | None = None,
    sample: Callable[..., Any] | None = None,
    losses: Callable[..., Any] | None = None,
    sizes: tuple[int, int, int] | None = None,
    seq_length: int = 25,
    eta: float | None = None,
    seed: str = "",
    quiet: bool = False,
) -> Report:
    """Call the functions, print which parts are right and what is wrong with the others, and return the report.

    gradients   gradients(weights, h, x, y) → loss, gradients, last h
    step        step(weights, gradients, memory, n) → weights, memory
    following   following(weights, h, x) → p, h
    sample      sample(weights, h, x, n, rng) → ids
    losses      losses(weights, ids, n) → losses
    sizes       m, K and the length of a sequence, for functions that accept no other sizes
    seq_length  length of a sequence in `losses`
    eta         learning rate of `step` and `losses`, if it is known
    seed        a name; each name gives other cases
    quiet       print nothing

    A function that is not given is not checked. README.md describes the arguments and results of the functions.
    """
    about = About(seed=seed, seq_length=seq_length)
    if sizes:
        about = about._replace(m=sizes[0], K=sizes[1], lengths=(sizes[2],))
    functions = {"gradients": gradients, "step": step, "losses": losses, "following": following, "sample": sample}
    report = checked(functions, about, eta)
    if os.environ.get(REPORT):
        with Path(os.environ[REPORT]).open("a", encoding="utf-8") as file:
            file.write(report.json() + "\n")
    if not quiet:
        print(report)
    return report


def checked(functions: Mapping[str, Callable[..., Any] | None], about: About, eta: float | None) -> Report:
    """Call the functions (by part, or None) with the cases of `about`, and return the report.

    `eta` is the program's learning rate, None if unknown. The states of np.random and random are restored at the end.
    """
    states = np.random.get_state(), random.getstate()  # noqa: NPY002  programs use it
    results = {}
    for part, function in functions.items():
        if function is not None:
            call_results = results[part] = CallResults()
            call_results.result = partial(_result, part, function, PARTS[part][0](about), call_results)
    try:
        return report_on(results, about, eta)
    finally:
        np.random.set_state(states[0])  # noqa: NPY002
        random.setstate(states[1])


def report_on(results: Mapping[str, CallResults], about: About, eta: float | None) -> Report:
    """Judge the results of each part's calls, and return the report. A part without results is not checked."""
    verdicts = []
    for part, (_, judge) in PARTS.items():
        verdict = Verdict(part, UNCHECKED, "not given")
        if part in results:
            try:
                with np.errstate(all="ignore"):
                    verdict = judge(about, results[part], eta)
            except Unreadable as error:
                own = part == "gradients" and about.lengths[1:] and OF_SIZE.search(str(error))
                hint = "; does it need sizes of its own? See `sizes` in README.md" if own else ""
                verdict = Verdict(part, UNCHECKED, f"{error}{hint}")
            if results[part].changed:
                verdict = verdict._replace(notes=(*verdict.notes, "it changes the weights that it is given"))
        verdicts.append(verdict)
    return Report(tuple(verdicts))


def _result(
    part: str, function: Callable[..., Any], calls: list[dict[str, Any]], results: CallResults, number: int
) -> Any:
    """Return the function's result for `calls[number]`. Raises Unreadable, with a message of one line, if it fails."""
    call = calls[number]
    try:
        with warnings.catch_warnings(action="ignore"):
            if part == "step":
                return _steps(function, call)
            if part == "sample":
                return _texts(function, call, results, 10_000 * number)
            arguments = deepcopy(call)
            before = pickle.dumps(arguments)
            _seed(0)
            value = function(*arguments.values())
            results.changed |= part != "losses" and pickle.dumps(arguments) != before
            return value
    except Unreadable:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever the author's function raises
        raise Unreadable(f"{where(error)}{type(error).__name__}: {' '.join(str(error).split())[:300]}") from None


def _seed(number: int) -> np.random.Generator:
    np.random.seed(number)  # noqa: NPY002
    random.seed(number)
    return np.random.default_rng(number)


def _steps(function: Callable[..., Any], call: Any) -> list[Any]:
    """Call `step` for each gradient of the call, with the weights of the step before. Return all these weights."""
    weights, memory, after = deepcopy(call["weights"]), None, []
    shapes = {name: value.shape for name, value in weights.items()}
    m, K = shapes["U"]
    for n, gradients in enumerate(call["gradients"], 1):
        _seed(n)
        value = function(weights, deepcopy(gradients), memory, n)
        value, memory = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
        value = weights if value is None else value
        after.append(matrices(value, m, K, "the weights")[0])
        keeps_layout = isinstance(value, Mapping) and all(
            getattr(value.get(n), "shape", 0) == s for n, s in shapes.items()
        )
        weights = value if keeps_layout else deepcopy(after[-1])
    return after


def _texts(function: Callable[..., Any], call: Any, results: CallResults, first: int) -> Any:
    """Return the texts of a call of `sample`, and store in `results` whether the function itself sets a seed.

    Before text n, the random generators are seeded with first + n.
    """
    *arguments, count = call.values()
    texts, states = list[Any](), list[Any]()
    for number in range(first, first + count):
        rng = _seed(number)
        texts.append(array(function(*deepcopy(arguments), rng), "the text of sample").ravel())
        if len(states) < 2:
            states.append((np.random.get_state(legacy=False)["state"]["key"], random.getstate()))  # noqa: NPY002
    if len(states) == 2:
        (numpy, python), (other_numpy, other_python) = states
        results.reseeded = np.array_equal(numpy, other_numpy) or python == other_python
    return texts


def where(error: BaseException) -> str:
    """Return the author's line in which the error arose, as `my_rnn.py, line 3, in forward: `; "" if there is none."""
    foreign = str(Path(__file__).parent), *map(sysconfig.get_path, ("stdlib", "purelib")), "<frozen", "<__array"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(foreign) and not frame.filename.endswith(".pyx"):  # of compiled NumPy
            file = Path(frame.filename).name if Path(frame.filename).is_file() else "a cell"
            return f"{file}, line {frame.lineno}, in {frame.name}: "
    return ""
