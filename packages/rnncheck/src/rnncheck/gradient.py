"""The verdict on `gradients`: loss and last state first, then the gradients of the program's own loss."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from rnncheck.backward import FORWARD, LAST, LOSS, Pass, forward, gradients, summed
from rnncheck.cases import About, Case, assignment_case, cases, second_window
from rnncheck.diagnosis import Called, bounds, called, diagnose, distances, without_norm_clipping
from rnncheck.results import array, fitted, matrices, parts
from rnncheck.verdicts import AGAIN, RIGHT, WRONG, Array, Finding, Given, Unreadable, Verdict, same, sentence

NEAR = 1e-4  # the relative difference of a right loss, and the difference of a right state: enough for float32
LARGEST_EPSILON = 1e-4  # that programs add to p before log
SURPRISING = 7.0  # nats
NOTICED = 1e-6  # the relative error that the assignment's check allows
SMALL = About(m=3, K=5, lengths=(4,))  # for central differences
STEPS = (-1e-4, 1e-4, -1e-5, 1e-5)


class Returned(NamedTuple):
    """The program's results: loss, gradients and last state (m,). `turned` is true if its matrices were transposed."""

    loss: float
    gradients: dict[str, Array]
    h: Array
    turned: bool


def returned(case: Case, value: Any) -> Returned:
    """Return what a call returned. Raises Unreadable."""
    loss, given, h = parts(value, "loss, gradients, h")
    loss, (m, K) = array(loss, "the loss"), case.weights["U"].shape
    if loss.size != 1:
        raise Unreadable(f"the loss has the shape {loss.shape}, and is not a number")
    read, turned = matrices(given, m, K, "the gradients")
    return Returned(float(loss.item()), read, fitted(h, (m,), "h")[0], turned)


class Asked(NamedTuple):
    """The calls: pairs of consecutive ones, of which the second is judged; those for own losses; one with large o."""

    pairs: list[tuple[Case, Case]]
    own: list[Case]
    large: Case


@cache
def asked(about: About) -> Asked:
    """Return the calls."""
    made = cases(about)
    pairs = [(case, case) for case in made]
    pairs += [second_window(made[len(about.lengths) // 2]), (assignment_case(about.m, about.K, about.lengths[-1]),) * 2]
    own = [start := cases(SMALL)[0]]
    for name, index in [(n, i) for n in "WUVbc" for i in range(start.weights[n].size)]:
        for step in STEPS:
            moved = start.weights[name].copy()
            moved.flat[index] += step
            own.append(start._replace(weights={**start.weights, name: moved}))
    large = made[0]._replace(weights={**made[0].weights, "c": made[0].weights["c"] + 1000})  # the same p
    return Asked(pairs, own, large)


def calls(about: About) -> list[dict[str, Any]]:
    """Return the arguments of all calls by name."""
    pairs, own, large = asked(about)
    return [{"weights": c.weights, "h": c.h, "x": c.x, "y": c.y} for c in (*sum(pairs, ()), *own, large)]


def judge(about: About, given: Given, eta: float | None = None) -> Verdict:
    """Judge the program's gradients."""
    pairs, own, large = asked(about)
    last = 2 * len(pairs)
    read = [returned(case, value) for case, value in zip(sum(pairs, ()), given(0, last), strict=True)]
    for (one, two), first, second in zip(pairs, read[::2], read[1::2], strict=True):
        if one is two and not same(_flat(first), _flat(second)):
            return Verdict("gradients", WRONG, findings=(Finding((AGAIN,), named=False),))
    verdict = _judged([two for _, two in pairs], read[1::2], lambda: given(last, last + len(own)), own)
    notes = []
    with suppress(Unreadable):  # an exception at an overflow
        finite = all(np.isfinite(result.loss) for result in read)
        if finite and not np.isfinite(returned(large, given.answer(last + len(own))).loss):
            notes = ["its softmax overflows if outputs are above 709: it does not subtract their maximum"]
    return verdict._replace(notes=(*verdict.notes, *notes))


def _flat(r: Returned) -> list[Array]:
    return [np.array(r.loss), r.h, *(r.gradients[name] for name in "WUVbc")]


def _judged(
    judged: Sequence[Case], given: Sequence[Returned], own: Callable[[], Iterable[Any]], tiny: list[Case]
) -> Verdict:
    """Judge the results of cases. `own` returns those of the cases for central differences, `tiny`."""
    findings, mean, right_loss = _forward(judged, given)
    notes = ["its loss is the mean over the sequence"] * mean
    notes += ["its matrices are transposed"] * any(r.turned for r in given)
    if not right_loss:
        return _of_own_loss(tuple(findings), tuple(notes), own, tiny)
    calls = []
    for case, r in zip(judged, given, strict=True):
        half = {name: value.astype(np.float32) for name, value in case.weights.items()}
        calls.append(called(case, forward(*case[1:], mean), forward(half, *case[2:], mean), r.gradients))
    *calls, assignment = calls
    short = [without_norm_clipping(call) for call in calls]
    longest = max(range(len(calls)), key=lambda n: calls[n].scale["W"])
    if short[longest] and len({pair[1] for pair in short if pair}) == 1:  # all else is a coincidence
        calls = [pair[0] if pair else call for pair, call in zip(short, calls, strict=True)]
        notes.append("it clips gradients by their norm itself")
    clip = bounds(calls)
    wrong, found = diagnose(calls, clip)
    about = _clipped(calls, clip) if wrong and not any(f.named for f in found) else ""
    if about:
        wrong, found = [], []
    elif not wrong:
        largest = {n: max(float(abs(gradients(c.right, {})[n]).max()) for c in calls) for n in "WUVbc"}
        if clipped := [name for name in "WUVbc" if clip[name] < 0.999 * largest[name]]:
            others = [name for name in "WUVbc" if name not in clipped]
            but = f", but not {', '.join(others)}" if others else ""
            notes.append(f"it clips {', '.join(clipped)} to ±{clip[clipped[0]]:g} itself{but}")
    if wrong:
        exact = gradients(assignment.right, {})
        error = max(float(abs(assignment.given[n] - exact[n]).max()) / assignment.scale[n] for n in wrong)
        shown = "shows it" if error > NOTICED else "does not show it"
        notes.append(f"the assignment's own check (sigma 0.01, h_0 = 0) {shown}: relative error {error:.0e}")
    about = ", ".join(["h"] * bool(findings) + [f"d{name}" for name in wrong]) or about
    findings += found
    return Verdict("gradients", WRONG if findings else RIGHT, about, tuple(findings), tuple(notes))


def _clipped(calls: Sequence[Called], clip: dict[str, float]) -> str:
    """Return how the program clips, if its gradients are right wherever no sum exceeds 5; "" if they are not."""
    sums = [summed(call.right, np.inf, np.inf) for call in calls]
    inner = [call for call, (_, largest) in zip(calls, sums, strict=True) if largest < 4.99]
    if not inner or distances(inner, clip, {}, "WUVbc") > 1:
        return ""
    for each, carried in product({np.inf, 5.0, *clip.values()}, repeat=2):
        told = [(call, n, total) for call in calls for n, total in summed(call.right, each, carried)[0].items()]
        if all(
            abs(c.given[n] - np.clip(t, -clip[n], clip[n])).max() <= c.tolerance[n] * c.scale[n] for c, n, t in told
        ):
            return f"but it clips to ±{min(each, carried):g} at each step of the way back, not after it"
    outer = [(c, total) for c, (total, largest) in zip(calls, sums, strict=True) if largest >= 4.99]
    shorter = all(abs(c.given[n]).max() < abs(t[n]).max() + c.tolerance[n] * c.scale[n] for c, t in outer for n in t)
    return "but it clips: with sums beyond 5, its gradients are smaller" if shorter else ""


def _near(given: float, right: float) -> bool:
    return bool(abs(given - right) <= NEAR * abs(right))


def _forward(judged: Sequence[Case], given: Sequence[Returned]) -> tuple[list[Finding], bool, bool]:
    """Return findings about loss and last state, whether the loss is a mean, and whether the loss is right."""

    @cache
    def passes(key: str) -> list[Pass]:
        return [FORWARD[key](*case[1:]) for case in judged]

    right = passes("")
    # Not in all cases: a number added to p before the logarithm, or a fault, hides it.
    pairs = [(r.loss, len(s.a), s.losses.sum()) for r, s in zip(given, right, strict=True)]
    usual = sum(_near(n * loss, total) - _near(loss, total) for loss, n, total in pairs) > 0
    compared = [s.losses.max() <= SURPRISING for s in right]  # a number added to p changes the other losses

    def losses(key: str, loss: str, mean: bool, epsilon: float = 0) -> list[float]:
        return [
            (LOSS[loss](s) if not epsilon else -np.log(np.exp(-s.losses) + epsilon).sum()) / (len(s.a) if mean else 1)
            for s in passes(key)
        ]

    def off(expected: list[float]) -> list[int]:
        return [n for n, r in enumerate(given) if compared[n] and not _near(r.loss, expected[n])]

    def far(key: str, last: str) -> list[int]:
        return [n for n, r in enumerate(given) if not abs(r.h - LAST[last](passes(key)[n])).max() <= NEAR]

    wrong = off(losses("", "", usual))
    if wrong:  # perhaps it adds a number to p
        low, high = 0.0, LARGEST_EPSILON
        total = sum(r.loss for n, r in enumerate(given) if compared[n])
        for _ in range(60):
            middle = (low + high) / 2
            above = sum(value for n, value in enumerate(losses("", "", usual, middle)) if compared[n]) > total
            low, high = (middle, high) if above else (low, middle)
        wrong = wrong if off(losses("", "", usual, low)) else []
    if not wrong:
        if not (states := far("", "")):
            return [], usual, True
        keys = [last for last in LAST if not far("", last)]
        if len(keys) == 1:
            return [Finding((sentence({"forward": keys[0]}),))], usual, True
        case, r, s = judged[states[0]], given[states[0]], right[states[0]]
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
    says = (
        f"the loss in the case of {judged[n].name} is {given[n].loss:.6g}, and should be {losses('', '', usual)[n]:.6g}"
    )
    says += _begin(judged, given, right, {*wrong}, {*far("", "")})
    return [Finding((says,), named=False)], usual, False


def _begin(
    judged: Sequence[Case], given: Sequence[Returned], right: Sequence[Pass], losses: set[int], states: set[int]
) -> str:
    """Return where the forward pass starts to differ, as far as losses and last states show it, "" if they do not."""
    first = min(losses | states, key=lambda n: (len(judged[n].x), n not in states))
    length, shorter = len(judged[first].x), [len(case.x) for case in judged if len(case.x) < len(judged[first].x)]
    if length > 2:
        return f"; up to t = {max(shorter) - 1}, loss and state are right" if shorter else ""
    if first in states:
        return f"; the difference begins at t = {length - 1}, in a or h"
    p = given[first].gradients["c"] + right[first].Y[0]
    if length == 1 and abs(p - right[first].p[0]).max() <= NEAR:
        return "; the difference begins at t = 0, in the loss: h is right, and so is p, by the gradient of c"
    return f"; the difference begins at t = {length - 1}, in o, p or the loss: h is right"


def _of_own_loss(
    findings: tuple[Finding, ...], notes: tuple[str, ...], own: Callable[[], Iterable[Any]], tiny: list[Case]
) -> Verdict:
    """Return the verdict on a program whose loss is wrong: is its gradient that of its own loss?"""
    verdict = Verdict("gradients", WRONG, "the forward pass; its gradients are not checked", findings, notes)
    try:
        read = [returned(tiny[0], value) for value in own()]
    except Unreadable:
        return verdict
    losses = np.array([r.loss for r in read[1:]]).reshape(-1, 4)
    coarse, fine = ((losses[:, i + 1] - losses[:, i]) / (2 * STEPS[i + 1]) for i in (0, 2))
    scale = abs(fine).max()
    if not (scale > 0 and abs(coarse - fine).max() < 1e-5 * scale):  # as if a loss is not finite
        return verdict
    split = np.split(fine, np.cumsum([tiny[0].weights[name].size for name in "WUVb"]))
    pairs = list(zip("WUVbc", split, strict=True))
    wrong = [n for n, f in pairs if not abs(read[0].gradients[n].ravel() - f).max() < 1e-3 * scale]
    if wrong:
        text = f"the gradient of {', '.join(wrong)} is not the derivative of the program's own loss"
        about = "the forward pass, and " + ", ".join(f"d{n}" for n in wrong)
        return verdict._replace(about=about, findings=(*findings, Finding((text,), ", ".join(wrong), named=False)))
    return verdict._replace(about="the forward pass; the gradients are right for the program's own loss")
