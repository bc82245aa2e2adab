"""The verdict on `gradients`: loss and last state first, then the gradients of the program's own loss."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from charloom.core.base.types import Array
from rnncheck.backward import FORWARD, forward, gradients
from rnncheck.cases import LONG, Case, K, M, T, assignment_case, cases, second_window
from rnncheck.diagnosis import PLACE, bounds, called, diagnose, without_norm_clipping
from rnncheck.process import Student, Unreadable
from rnncheck.verdicts import RIGHT, WRONG, Finding, Verdict, faults, sentence

AGAIN = "the second call with the same arguments returns something else: the program keeps a state between calls"
HIDDEN = Verdict("gradients", WRONG, findings=(Finding((AGAIN,), named=False),))
SHAPES = {"W": "mm", "U": "mK", "V": "Km", "b": "m", "c": "K"}
NAME = re.compile(r"_*(?:d(?:L_?d)?|grads?|g|nabla)?_*([WUVbcBC])_*(?:grads?)?")
ALIASES = {"Wxh": "U", "Whh": "W", "Why": "V", "bh": "b", "by": "c"}  # of min-char-rnn
NEAR = 1e-4  # the relative difference of a right loss, and the difference of a right state: enough for float32
EPSILONS = (0.0, 2.2e-16, 1e-15, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5)  # that programs add to p before log
SURPRISING = 7.0  # nats
NOTICED = 1e-6  # the relative error that the assignment's check allows
SMALL = (3, 5, (4,))  # m, K and T for central differences
WRONG_FORWARD = "src/charloom/core/network/rnn.py, forward"


class Returned(NamedTuple):
    """The program's results: loss, gradients and last state (m,). `turned` is true if its matrices were transposed."""

    loss: float
    gradients: dict[str, Array]
    h: Array
    turned: bool


def encoded(value: Any) -> Any:
    """Return an argument for the child: arrays as {"array", "dtype"}."""
    if isinstance(value, Mapping):
        return {name: encoded(item) for name, item in value.items()}
    return {"array": value.tolist(), "dtype": str(value.dtype)} if isinstance(value, np.ndarray) else value


def decoded(value: Any, name: str) -> Array:
    """Return a number or an array of the child. Raises Unreadable if it is something else."""
    try:
        return np.asarray(value["array"] if isinstance(value, Mapping) else value, float)
    except (ValueError, TypeError, KeyError, OverflowError):
        raise Unreadable(f"{name} is not an array of numbers") from None


def fitted(value: Any, shape: tuple[int, ...], name: str) -> tuple[Array, bool]:
    """Return the array in this shape, and whether it is transposed. (m, 1) and (1, m) count as (m,)."""
    array = decoded(value, name)
    if array.shape == shape or (len(shape) < 2 and array.size == math.prod(shape)):
        return array.reshape(shape), False
    if array.T.shape == shape:
        return array.T, True
    raise Unreadable(f"{name} has the shape {array.shape}, not {shape}")


def matrices(value: Any, m: int, K: int, about: str) -> tuple[dict[str, Array], bool]:
    """Return W, U, V, b and c from a dict, and whether all matrices are transposed. Names may be dW, grad_W or dWhh."""
    if not isinstance(value, Mapping):
        raise Unreadable(f"{about} are not a dict of arrays")
    plain = {re.sub("|".join(ALIASES), lambda alias: ALIASES[alias[0]], name): item for name, item in value.items()}
    named = {match[1]: item for name, item in plain.items() if (match := NAME.fullmatch(name))}
    named = {name.lower(): named[name] for name in "BC" if name in named} | named
    if lacking := [name for name in SHAPES if name not in named]:
        raise Unreadable(f"{about} lack {', '.join(lacking)}")
    sizes = {"m": m, "K": K}
    read = {n: fitted(named[n], tuple(sizes[s] for s in shape), f"{n} of {about}") for n, shape in SHAPES.items()}
    turned = read["U"][1] and read["V"][1]
    result = {name: array for name, (array, _) in read.items()}
    return result | ({"W": result["W"].T} if turned else {}), turned


def returned(case: Case, value: Any) -> Returned:
    """Return what a call returned. Raises Unreadable."""
    if not isinstance(value, list) or len(value) != 3:
        raise Unreadable("it does not return loss, gradients, h")
    loss, (m, K_) = decoded(value[0], "the loss"), case.weights["U"].shape
    if loss.size != 1:
        raise Unreadable(f"the loss has the shape {loss.shape}, and is not a number")
    given, turned = matrices(value[1], m, K_, "the gradients")
    return Returned(float(loss.item()), given, fitted(value[2], (m,), "h")[0], turned)


def arguments(*cases: Case) -> list[list[Any]]:
    """Return the arguments of consecutive calls for these cases."""
    return [[encoded(value) for value in case[1:]] for case in cases]


def judge(student: Student) -> Verdict:
    """Call and judge the program's gradients at several sizes; if it works only at its own size, judge it there."""
    sizes: list[tuple[int, int, tuple[int, ...]]] = [(M, K, (1, 2, T, LONG))]
    problem = ""
    while sizes:
        m, K_, lengths = sizes.pop(0)
        calls = [(case, case) for case in cases(m, K_, lengths)]
        calls += [second_window(calls[len(lengths) // 2][0]), (assignment_case(m, K_, lengths[-1]),) * 2]
        all_cases = [case for _, case in calls]
        answers = student.call("gradients", *(arguments(*pair) for pair in calls))
        try:
            if errors := [answer.error for answer in answers if answer.error]:
                raise Unreadable(errors[0])
            read = [[returned(case, v) for v in a.values] for case, a in zip(all_cases, answers, strict=True)]
            hidden = any(not _equal(*pair) for pair, (one, two) in zip(read, calls, strict=True) if one is two)
        except Unreadable as error:
            if not problem:
                own = {"m": 100, "K": 80, "seq_length": LONG} | answers[0].constants
                length, problem = (int(own["seq_length"]),), str(error)
                sizes = [(M, K, length), (min(int(own["m"]), 500), min(int(own["K"]), 500), length)]
            continue
        given = [results[-1] for results in read]
        verdict = HIDDEN if hidden else _judged(all_cases, given, student)
        large = all_cases[0]._replace(weights={**all_cases[0].weights, "c": all_cases[0].weights["c"] + 1000})
        (above,) = student.call("gradients", arguments(large))  # the same p, from larger outputs
        finite = all(np.isfinite(result.loss) for result in given)
        safe = (
            not finite or bool(above.error) or all(np.isfinite(returned(large, value).loss) for value in above.values)
        )
        notes = ["its softmax overflows if outputs are above 709: it does not subtract their maximum"] * (not safe)
        notes += ["it changes the weights that it is given"] * any(0 in c for answer in answers for c in answer.changed)
        if problem:
            notes.append(f"graded at m = {m}, K = {K_}, seq_length = {lengths[0]}; at others: {problem}")
        return verdict._replace(notes=(*verdict.notes, *notes))
    raise Unreadable(problem)


def _judged(all_cases: Sequence[Case], given: Sequence[Returned], student: Student) -> Verdict:
    """Judge what the calls returned: loss and last state, then gradients."""
    passes = [forward(*case[1:]) for case in all_cases]
    pairs = [(r.loss, len(s.a), s.losses.sum()) for r, s in zip(given, passes, strict=True)]
    likes = [_near(n * loss, right) - _near(loss, right) for loss, n, right in pairs]
    mean = sum(likes) > 0  # not in all cases: a number added to p before the logarithm, or a fault, hides it
    notes = ["its loss is the mean over the sequence"] * mean
    notes += ["its matrices are transposed"] * any(r.turned for r in given)
    if problem := _wrong_forward(all_cases, given, mean):
        return _of_own_loss(problem, student, tuple(notes))
    calls = []
    for case, r in zip(all_cases, given, strict=True):
        half = {name: value.astype(np.float32) for name, value in case.weights.items()}
        calls.append(called(case, forward(*case[1:], mean), forward(half, *case[2:], mean), r.gradients))
    *calls, own = calls
    short = [without_norm_clipping(call) for call in calls]
    longest = max(range(len(calls)), key=lambda n: calls[n].scale["W"])
    if short[longest] and len({pair[1] for pair in short if pair}) == 1:  # all else is a coincidence
        calls = [pair[0] if pair else call for pair, call in zip(short, calls, strict=True)]
        notes.append("it clips gradients by their norm itself")
    clip = bounds(calls)
    wrong, findings = diagnose(calls, clip)
    if not wrong:
        largest = {n: max(float(abs(gradients(c.right, {})[n]).max()) for c in calls) for n in "WUVbc"}
        if clipped := [name for name in "WUVbc" if clip[name] < 0.999 * largest[name]]:
            others = [name for name in "WUVbc" if name not in clipped]
            but = f", but not {', '.join(others)}" if others else ""
            notes.append(f"it clips {', '.join(clipped)} to ±{clip[clipped[0]]:g} itself{but}")
        return Verdict("gradients", RIGHT, "", (), tuple(notes))
    error = max(float(abs(own.given[name] - gradients(own.right, {})[name]).max()) / own.scale[name] for name in wrong)
    shown = "shows it" if error > NOTICED else "does not show it"
    notes.append(f"the assignment's own check (sigma 0.01, h_0 = 0) {shown}: relative error {error:.0e}")
    return Verdict("gradients", WRONG, ", ".join(f"d{name}" for name in wrong), tuple(findings), tuple(notes))


def _near(given: float, right: float) -> bool:
    return bool(abs(given - right) <= NEAR * abs(right))


def _equal(one: Returned, other: Returned) -> bool:
    """Return whether two results are equal but for rounding. NaN equals NaN."""
    flat = [np.concatenate([[r.loss], r.h, *(r.gradients[name].ravel() for name in "WUVbc")]) for r in (one, other)]
    return np.allclose(flat[0], flat[1], rtol=1e-5, atol=1e-7, equal_nan=True)


def _wrong_forward(all_cases: Sequence[Case], given: Sequence[Returned], mean: bool) -> str:
    """Return what is wrong with losses and last states, "" if nothing is."""

    def difference(key: str, epsilon: float = 0.0) -> str:
        for case, r in zip(all_cases, given, strict=True):
            loss, h = FORWARD[key](*case[1:])
            if epsilon:
                loss = -np.log(np.exp(-forward(*case[1:]).losses) + epsilon).sum()
            loss /= len(case.x) if mean else 1
            unlikely = forward(*case[1:]).losses.max() > SURPRISING  # then a number added to p changes the loss
            if not _near(r.loss, loss) and not unlikely:
                return f"the loss in the case of {case.name} is {r.loss:.6g}, and should be {loss:.6g}"
            if not abs(r.h - h).max() <= NEAR:
                return f"the last h in the case of {case.name} begins with {r.h[0]:.6g}, not with {h[0]:.6g}"
        return ""

    if not all(difference("", epsilon) for epsilon in EPSILONS):
        return ""
    named = [key for key in FORWARD if key and not difference(key)]
    return sentence({"forward": named[0]}) if len(named) == 1 else difference("")


def _of_own_loss(problem: str, student: Student, notes: tuple[str, ...]) -> Verdict:
    """Return the verdict on a program whose loss or last state is wrong: is its gradient that of its own loss?"""
    case = cases(*SMALL)[0]
    steps = (-1e-4, 1e-4, -1e-5, 1e-5)
    changed = []
    for name in "WUVbc":
        for index in range(case.weights[name].size):
            for step in steps:
                moved = case.weights[name].copy()
                moved.flat[index] += step
                changed.append(case._replace(weights={**case.weights, name: moved}))
    finding = Finding((problem,), WRONG_FORWARD, problem in faults()["forward"].values())
    (answer,) = student.call("gradients", arguments(case, *changed))
    verdict = Verdict("gradients", WRONG, "the forward pass; its gradients are not graded", (finding,), notes)
    try:
        read = [returned(case, value) for value in answer.values]
    except Unreadable:
        return verdict
    losses = np.array([r.loss for r in read[1:]])
    if len(losses) != len(changed) or not np.isfinite(losses).all():
        return verdict
    losses = losses.reshape(-1, 4)
    coarse, fine = ((losses[:, i + 1] - losses[:, i]) / (2 * steps[i + 1]) for i in (0, 2))
    scale = abs(fine).max()
    if not (scale > 0 and abs(coarse - fine).max() < 1e-5 * scale):
        return verdict
    parts = np.split(fine, np.cumsum([case.weights[name].size for name in "WUVb"]))
    wrong = [
        n for n, f in zip("WUVbc", parts, strict=True) if not abs(read[0].gradients[n].ravel() - f).max() < 1e-3 * scale
    ]
    if wrong:
        text = f"the gradient of {', '.join(wrong)} is not the derivative of the program's own loss"
        return verdict._replace(
            about="the forward pass, and " + ", ".join(f"d{n}" for n in wrong),
            findings=(finding, Finding((text,), PLACE, named=False)),
        )
    return verdict._replace(about="the forward pass; the gradients are right for the program's own loss")
