"""The verdict on `gradients`: they are compared with those of the right loss, or else of the program's own loss.

The own loss is used if the forward pass is wrong. Central differences give its derivative.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np

from rnncheck.backward import forward, gradients, within_5
from rnncheck.cases import About, Case, assignment_case, cases, second_window
from rnncheck.diagnosis import Called, bounds, called, clips_by_norm, diagnose, distances
from rnncheck.forward import Returned, judge_forward, returned
from rnncheck.verdicts import AGAIN, RIGHT, WRONG, Array, CallResults, Finding, Unreadable, Verdict, same

NOTICED = 1e-6  # the relative error that the assignment's check allows
SMALL = About(m=3, K=5, lengths=(4,))  # for central differences
STEPS = (-1e-4, 1e-4, -1e-5, 1e-5)  # changes of a weight in central differences


@cache
def all_cases(about: About) -> tuple[list[tuple[Case, Case]], list[Case], Case]:
    """Return three groups of cases for the check of the gradient.

    1. Pairs of consecutive calls. The result of the second call is judged.
    2. One case, and copies of it in which one weight is changed: their losses give the derivative of the program's own
       loss.
    3. One case with large outputs o, at which a softmax may overflow.
    """
    usual = cases(about)
    pairs = [(case, case) for case in usual]
    pairs += [
        second_window(usual[len(about.lengths) // 2]),
        (assignment_case(about.m, about.K, about.lengths[-1]),) * 2,
    ]
    own_loss_cases = [start := cases(SMALL)[0]]
    for name, index in [(n, i) for n in "WUVbc" for i in range(start.weights[n].size)]:
        for step in STEPS:
            moved = start.weights[name].copy()
            moved.flat[index] += step
            own_loss_cases.append(start._replace(weights={**start.weights, name: moved}))
    large = usual[0]._replace(weights={**usual[0].weights, "c": usual[0].weights["c"] + 1000})  # the same p
    return pairs, own_loss_cases, large


def calls(about: About) -> list[dict[str, Any]]:
    """Return the arguments of all calls of `gradients`, in the order of `all_cases`; of each call, by name."""
    pairs, own_loss_cases, large = all_cases(about)
    return [{"weights": c.weights, "h": c.h, "x": c.x, "y": c.y} for c in (*sum(pairs, ()), *own_loss_cases, large)]


def judge(about: About, results: CallResults, eta: float | None = None) -> Verdict:
    """Return the verdict on the gradients, the loss and the last state that the program returns."""
    pairs, own_loss_cases, large = all_cases(about)
    last = 2 * len(pairs)
    read = [returned(case, value) for case, value in zip(sum(pairs, ()), results(0, last), strict=True)]
    for (first_case, second_case), first, second in zip(pairs, read[::2], read[1::2], strict=True):
        if first_case is second_case and not same(_flat(first), _flat(second)):
            return Verdict("gradients", WRONG, findings=(Finding((AGAIN,), named=False),))
    verdict = _judge_cases(
        [second_case for _, second_case in pairs],
        read[1::2],
        lambda: results(last, last + len(own_loss_cases)),
        own_loss_cases,
    )
    notes = []
    with suppress(Unreadable):  # an exception at an overflow
        finite = all(np.isfinite(result.loss) for result in read)
        if finite and not np.isfinite(returned(large, results.result(last + len(own_loss_cases))).loss):
            notes = ["its softmax overflows if outputs are above 709: it does not subtract their maximum"]
    return verdict._replace(notes=(*verdict.notes, *notes))


def _flat(r: Returned) -> list[Array]:
    return [np.array(r.loss), r.h, *(r.gradients[name] for name in "WUVbc")]


def _judge_cases(
    judged: Sequence[Case], results: Sequence[Returned], own_results: Callable[[], Iterable[Any]], own_cases: list[Case]
) -> Verdict:
    """Return the verdict on `results`, the program's results for the cases `judged`.

    own_results  returns the results for the cases `own_cases`, which are used only if the program's loss is wrong
    """
    findings, mean, right_loss = judge_forward(judged, results)
    notes = ["its loss is the mean over the sequence"] * mean
    notes += ["its matrices are transposed"] * any(r.turned for r in results)
    if not right_loss:
        return _of_own_loss(tuple(findings), tuple(notes), own_results, own_cases)
    calls = []
    for case, r in zip(judged, results, strict=True):
        half = {name: value.astype(np.float32) for name, value in case.weights.items()}
        calls.append(called(case, forward(*case[1:], mean), forward(half, *case[2:], mean), r.gradients))
    *calls, assignment = calls
    if distances(calls, bounds(calls), {}, "WUVbc") > 1 and clips_by_norm(calls):
        calls = [call._replace(given=gradients(call.right, {})) for call in calls]
        notes.append("it clips gradients by their norm itself")
    clip, about = bounds(calls), ""
    wrong, explained = diagnose(calls, clip)
    if wrong and not any(f.named for f in explained) and _right_within_5(calls, clip):
        wrong, explained, about = (
            [],
            [],
            "but it clips during the backward pass: gradients differ in cases with sums beyond 5",
        )
    elif wrong:
        exact = gradients(assignment.right, {})
        error = max(float(abs(assignment.given[n] - exact[n]).max()) / assignment.scale[n] for n in wrong)
        shown = "shows it" if error > NOTICED else "does not show it"
        notes.append(f"the assignment's own check (sigma 0.01, h_0 = 0) {shown}: relative error {error:.0e}")
    else:
        largest = {n: max(float(abs(gradients(c.right, {})[n]).max()) for c in calls) for n in "WUVbc"}
        if clipped := [name for name in "WUVbc" if clip[name] < 0.999 * largest[name]]:
            others = [name for name in "WUVbc" if name not in clipped and largest[name] > clip[clipped[0]]]
            exception = f", but not {', '.join(others)}" if others else ""
            notes.append(f"it clips {', '.join(clipped)} to ±{clip[clipped[0]]:g} itself{exception}")
    about = ", ".join(["h"] * bool(findings) + [f"d{name}" for name in wrong]) or about
    findings += explained
    return Verdict("gradients", WRONG if findings else RIGHT, about, tuple(findings), tuple(notes))


def _right_within_5(calls: Sequence[Called], clip: dict[str, float]) -> bool:
    """Return whether gradients are right in cases in which no sum of the backward pass exceeds 5, and finite in all."""
    within = [call for call in calls if within_5(call.right)]
    finite = all(np.isfinite(value).all() for call in calls for value in call.given.values())
    return finite and any(len(call.case.x) > 2 for call in within) and distances(within, clip, {}, "WUVbc") <= 1


def _of_own_loss(
    findings: tuple[Finding, ...],
    notes: tuple[str, ...],
    own_results: Callable[[], Iterable[Any]],
    own_cases: list[Case],
) -> Verdict:
    """Return the verdict on a program whose loss is wrong: compare its gradient with differences of its own loss."""
    verdict = Verdict("gradients", WRONG, "the forward pass; its gradients are not checked", findings, notes)
    try:
        read = [returned(own_cases[0], value) for value in own_results()]
    except Unreadable:
        return verdict
    losses = np.array([r.loss for r in read[1:]]).reshape(-1, 4)
    coarse, fine = ((losses[:, i + 1] - losses[:, i]) / (2 * STEPS[i + 1]) for i in (0, 2))
    scale = abs(fine).max()
    if not (scale > 0 and abs(coarse - fine).max() < 1e-5 * scale):  # as if a loss is not finite
        return verdict
    split = np.split(fine, np.cumsum([own_cases[0].weights[name].size for name in "WUVb"]))
    pairs = list(zip("WUVbc", split, strict=True))
    wrong = [n for n, f in pairs if not abs(read[0].gradients[n].ravel() - f).max() < 1e-3 * scale]
    if wrong:
        text = f"the gradient of {', '.join(wrong)} is not the derivative of the program's own loss"
        about = "the forward pass, and " + ", ".join(f"d{n}" for n in wrong)
        return verdict._replace(about=about, findings=(*findings, Finding((text,), ", ".join(wrong), named=False)))
    return verdict._replace(about="the forward pass; the gradients are right for the program's own loss")
