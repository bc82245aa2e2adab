"""Name the faults that explain wrong gradients, in the order of the backward pass.

The reference is the backward pass of backward.py with a fault. A fault is named only if the reference's gradients are
within tolerance of the program's. They must also be a hundred times nearer to the program's than the right gradients,
and ten times nearer than the reference with any other combination of as many faults.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import NamedTuple

import numpy as np

from rnncheck.backward import OUTPUTS, RECURRENT, RIGHT, STAGES, STATES, Choice, Pass, gradients
from rnncheck.cases import Case
from rnncheck.verdicts import Array, Finding, sentence

LOST = 30  # the tolerance, in rounding errors of a float32 pass
FLOOR = 1e-7  # a distance below this is rounding
NEARER_THAN_RIGHT, NEARER_THAN_OTHERS = 100, 10
Gradients = dict[str, Array]
EQUATIONS = {"g": "g_t", "d": "d_t", "slope": "d_t", "carry": "d_t"}  # names in README.md, by stage


class Called(NamedTuple):
    """A case, the right forward pass over it, and the program's gradients.

    A difference of gradients is divided by `scale`; a right gradient has a quotient of at most `tolerance`.
    """

    case: Case
    right: Pass
    given: Gradients
    scale: dict[str, float]
    tolerance: dict[str, float]
    own: Array | None = None  # the program's own d_t (T, m), in place of the right ones


def called(case: Case, right: Pass, narrow: Pass, returned: Gradients) -> Called:
    """Return the case together with the gradients that the program returned.

    `narrow` is the right pass in float32. LOST times its rounding errors are tolerated.
    """
    exact, rounded = gradients(right, {}), gradients(narrow, {})
    largest = max(float(abs(value).max()) for value in exact.values())
    scale = {name: max(float(abs(value).max()), 1e-3 * largest) for name, value in exact.items()}
    lost = {name: float(abs(exact[name] - rounded[name]).max()) / scale[name] for name in exact}
    return Called(case, right, returned, scale, {name: max(LOST * loss, 1e-6) for name, loss in lost.items()})


def bounds(calls: Sequence[Called]) -> dict[str, float]:
    """Return the bound to which the program clips each gradient: the largest entry if it is a round number, or inf."""
    largest = {name: max(float(abs(call.given[name]).max()) for call in calls) for name in "WUVbc"}
    return {name: value if _round(value) else math.inf for name, value in largest.items()}


def _round(value: float) -> bool:
    return value > 0 and math.isfinite(value) and abs(value - float(f"{value:.2g}")) < 3e-6 * value


def clips_by_norm(calls: Sequence[Called]) -> bool:
    """Return whether all gradients are right before the program clips them by a norm.

    The norm is that of all matrices together, or of each. The largest norm after clipping must be a round number. If
    the exact norm exceeds it in all calls, a factor that all gradients have in common cannot be seen.
    """
    right = [gradients(call.right, {}) for call in calls]
    for groups in (["WUVbc"], ["W", "U", "V", "b", "c"]):
        unclipped, clips = [*calls], False
        for names in groups:
            bound = max(_norm(call.given, names) for call in calls)
            factors = [max(1, _norm(exact, names) / bound) if _round(bound) else 1 for exact in right]
            clips = clips or max(factors) > 1
            unclipped = [
                call._replace(given=call.given | {name: factor * call.given[name] for name in names})
                for call, factor in zip(unclipped, factors, strict=True)
            ]
        # PyTorch adds 1e-6 to a norm, so a distance of 1 is too strict.
        if clips and distances(unclipped, dict.fromkeys("WUVbc", math.inf), {}, "WUVbc") <= 3:
            return True
    return False


def _norm(values: Gradients, names: str) -> float:
    return math.hypot(*(float(np.linalg.norm(values[name])) for name in names))


def distances(
    calls: Sequence[Called], clip: dict[str, float], faults: Choice, names: Sequence[str], limit: float = math.inf
) -> float:
    """Return the largest difference between the program's gradients and those with these faults, in units of tolerance.

    Only the matrices `names` are compared. If a case has a difference above the limit, later cases are not compared.
    """
    worst = 0.0
    for call in calls:
        if worst > limit:
            break
        reference = gradients(call.right, faults, call.own, names)
        for name in names:
            difference = call.given[name] - np.clip(reference[name], -clip[name], clip[name])
            scale = max(
                call.scale[name], _size(call.given[name])
            )  # the faulty gradient may be larger than the right one
            worst = max(worst, _size(difference) / scale / call.tolerance[name] if math.isfinite(scale) else math.inf)
    return worst


def _size(difference: Array) -> float:
    return float(abs(difference).max()) if np.isfinite(difference).all() else math.inf


def _choices(stages: Sequence[str], size: int, before: Choice) -> Iterator[dict[str, str]]:
    """Yield every choice of `size` faults in different stages, added to `before`, the faults of earlier stages."""
    for wrong in combinations(stages, size):
        for keys in product(*([key for key in STAGES[stage] if key != RIGHT] for stage in wrong)):
            yield {**before, **dict(zip(wrong, keys, strict=True))}


def explained(
    calls: Sequence[Called], clip: dict[str, float], stages: Sequence[str], before: Choice
) -> list[Choice] | None:
    """Return the choices of faults that explain the gradients of these stages with the fewest faults.

    A choice includes `before`, the faults of earlier stages; [before] means that these stages have none. Several
    choices are variants of one fault, or alternatives. Return None if no choice of one or two faults explains them.
    """
    names = [stage for stage in stages if stage in "WUVbc"]
    right = distances(calls, clip, before, names)
    if right <= 1:
        return [before]
    for size in (1, 2):
        near = [(distances(calls, clip, choice, names, 1), choice) for choice in _choices(stages, size, before)]
        near = sorted((pair for pair in near if pair[0] <= 1), key=lambda pair: pair[0])
        if near and max(near[0][0], FLOOR) * NEARER_THAN_RIGHT <= right:
            return [choice for distance, choice in near if distance < max(near[0][0], FLOOR) * NEARER_THAN_OTHERS]
    return None


def diagnose(calls: Sequence[Called], clip: dict[str, float]) -> tuple[list[str], list[Finding]]:
    """Return the names of the matrices with wrong gradients, and the findings. `clip` is the result of `bounds`."""
    wrong = [name for name in "cVbUW" if distances(calls, clip, {}, name) > 1]
    findings: list[Finding] = []
    earlier: list[Choice] = [{}]
    for stages in (OUTPUTS, STATES, RECURRENT):
        explanations = [(choice, before) for before in earlier if (choice := explained(calls, clip, stages, before))]
        if not explanations:
            names = [name for name in stages if name in wrong]
            findings += (
                [Finding((located(calls, clip, names),), ", ".join(names), named=False)] if names and calls else []
            )
            if stages == STATES:  # the gradient of W can still be judged by the program's own d_t
                calls = [repeated for call in calls if (repeated := _with_own_states(call))]
            earlier = [{}]
            continue
        choices, before = min(explanations, key=lambda pair: len(pair[0][0]))
        added = [{stage: key for stage, key in choice.items() if stage not in before} for choice in choices]
        if added[0]:
            equations = ", ".join(dict.fromkeys(EQUATIONS.get(stage, stage) for choice in added for stage in choice))
            sentences = tuple(dict.fromkeys(map(sentence, added)))
            findings.append(Finding(sentences, equations))
        earlier = choices
    return wrong, findings


def _with_own_states(call: Called) -> Called | None:
    """Return the case with the program's own d_t in `own`, or None if the gradient of U does not show them.

    If no character repeats, column x_t of the gradient of U is d_t.
    """
    d = call.given["U"][:, call.case.x].T
    rest = np.delete(call.given["U"], call.case.x, axis=1)
    consistent = _size(d.sum(0) - call.given["b"]) / call.scale["b"] <= call.tolerance["b"] and not rest.any()
    return call._replace(own=d) if consistent and len(set(call.case.x)) == len(d) else None


def located(calls: Sequence[Called], clip: dict[str, float], names: Sequence[str]) -> str:
    """Return a sentence that says where a gradient is wrong: matrix, case, entry, and the steps if U shows them."""
    for call in calls:
        for name in sorted(names, key="U".__ne__):
            expected = np.clip(gradients(call.right, {}, call.own)[name], -clip[name], clip[name])
            difference = abs(call.given[name] - expected) / call.scale[name]
            if _size(difference) <= call.tolerance[name]:
                continue
            entry = np.unravel_index(int(np.nanargmax(np.nan_to_num(difference, nan=math.inf))), difference.shape)
            index = ", ".join(map(str, map(int, entry)))
            text = (
                f"the gradient of {name} differs in the case of {call.case.name}: entry [{index}] is "
                f"{call.given[name][entry]:.6g}, and should be {expected[entry]:.6g}"
            )
            if name == "U" and len(set(call.case.x)) == len(call.case.x):
                errors = difference[:, call.case.x].max(axis=0) > call.tolerance[name]
                steps = [str(t) for t in np.flatnonzero(errors)]
                text += f"; as no character repeats, its columns show the steps: wrong are t = {', '.join(steps)}"
            return text
    return f"the gradient of {', '.join(names)} differs"
