"""Judge the forward pass of a program by the loss and the last state that its function `gradients` returns."""

from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np

from rnncheck.backward import FORWARD, LAST, LOSS, Pass
from rnncheck.cases import Case
from rnncheck.results import array, fitted, matrices, parts
from rnncheck.verdicts import Array, Finding, Unreadable, sentence

NEAR = 1e-4  # the relative difference of a right loss, and the difference of a right state: enough for float32
LARGEST_EPSILON = 1e-4  # the largest number that a program may add to p before the logarithm
SURPRISING = 7.0  # nats; a case in which a character has a larger loss is not compared


class Returned(NamedTuple):
    """The program's results: loss, gradients and last state (m,). `turned` is true if its matrices were transposed."""

    loss: float
    gradients: dict[str, Array]
    h: Array
    turned: bool


def returned(case: Case, value: object) -> Returned:
    """Convert the value that a call of `gradients` returned. Raises Unreadable if its form is not as in README.md."""
    loss, given, h = parts(value, "loss, gradients, h")
    loss, (m, K) = array(loss, "the loss"), case.weights["U"].shape
    if loss.size != 1:
        raise Unreadable(f"the loss has the shape {loss.shape}, and is not a number")
    read, turned = matrices(given, m, K, "the gradients")
    return Returned(float(loss.item()), read, fitted(h, (m,), "h")[0], turned)


def _near(given: float, right: float) -> bool:
    return bool(abs(given - right) <= NEAR * abs(right))


def judge_forward(cases: Sequence[Case], given: Sequence[Returned]) -> tuple[list[Finding], bool, bool]:
    """Return findings about the loss and the last state, whether the loss is a mean over the sequence, and is right."""

    @cache
    def passes(key: str) -> list[Pass]:
        return [FORWARD[key](*case[1:]) for case in cases]

    right = passes("")
    # The majority decides, because a number added to p before the logarithm, or a fault, may hide a mean in some cases.
    pairs = [(r.loss, len(s.a), s.losses.sum()) for r, s in zip(given, right, strict=True)]
    usual = sum(_near(n * loss, total) - _near(loss, total) for loss, n, total in pairs) > 0
    compared = [n for n, s in enumerate(right) if s.losses.max() <= SURPRISING]  # the number changes the other losses

    def losses(key: str, loss: str, mean: bool) -> list[float]:
        return [LOSS[loss](s) / (len(s.a) if mean else 1) for s in passes(key)]

    def off(expected: Sequence[float]) -> list[int]:
        return [n for n in compared if not _near(given[n].loss, expected[n])]

    def far(key: str, last: str) -> list[int]:
        return [n for n, r in enumerate(given) if not abs(r.h - LAST[last](passes(key)[n])).max() <= NEAR]

    units = [len(s.a) if usual else 1 for s in right]
    p, epsilon = np.exp(-np.concatenate([right[n].losses for n in compared])), 0.0
    total = sum(given[n].loss * units[n] for n in compared)
    for _ in range(5):  # Newton's method finds the number that the program adds to p
        epsilon += (-np.log(p + epsilon).sum() - total) / (1 / (p + epsilon)).sum()
    epsilon = min(max(epsilon, 0.0), LARGEST_EPSILON)
    added = [-np.log(np.exp(-s.losses) + epsilon).sum() / unit for s, unit in zip(right, units, strict=True)]
    expected = losses("", "", usual)
    wrong = off(expected)
    if not wrong or not off(added):
        states = far("", "")
        if not states:
            return [], usual, True
        keys = [last for last in LAST if not far("", last)]
        if len(keys) == 1:
            return [Finding((sentence({"forward": keys[0]}),))], usual, True
        case, r, s = cases[states[0]], given[states[0]], right[states[0]]
        says = f"the last h in the case of {case.name} begins with {r.h[0]:.6g}, not with {s.h[-1][0]:.6g}"
        return [Finding((says,), "h_t", named=False)], usual, True
    fits: dict[int, list[tuple[list[str], bool]]] = {}
    for key, loss, mean in product(FORWARD, LOSS, (False, True)):
        if (key or loss) and not off(losses(key, loss, mean)):
            for chosen in [[*filter(None, (key, loss, last))] for last in LAST if not far(key, last)]:
                fits.setdefault(len(chosen), []).append((chosen, mean))
    fewest = fits[min(fits)] if fits else []
    if fewest and all(chosen == fewest[0][0] for chosen, _ in fewest):
        chosen, mean = fewest[0]
        return [Finding((sentence({"forward": key}),)) for key in chosen], mean, False
    n = wrong[0]
    says = f"the loss in the case of {cases[n].name} is {given[n].loss:.6g}, and should be {expected[n]:.6g}"
    says += _begin(cases, given, right, {*wrong}, {*far("", "")})
    return [Finding((says,), named=False)], usual, False


def _begin(
    cases: Sequence[Case], given: Sequence[Returned], right: Sequence[Pass], losses: set[int], states: set[int]
) -> str:
    """Return the end of a sentence: where the forward pass starts to differ; "" if the cases do not show it.

    `losses` are the indices of the cases with a wrong loss, and `states` those with a wrong last state.
    """
    first = min(losses | states, key=lambda n: (len(cases[n].x), n not in states))
    length, shorter = len(cases[first].x), [len(case.x) for case in cases if len(case.x) < len(cases[first].x)]
    if length > 2:
        return f"; up to t = {max(shorter) - 1}, loss and state are right" if shorter else ""
    if first in states:
        return f"; the difference begins at t = {length - 1}, in a or h"
    p = given[first].gradients["c"] + right[first].Y[0]
    if length == 1 and abs(p - right[first].p[0]).max() <= NEAR:
        return "; the difference begins at t = 0, in the loss: h is right, and so is p, by the gradient of c"
    return f"; the difference begins at t = {length - 1}, in o, p or the loss: h is right"
