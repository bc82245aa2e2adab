"""The verdict on `step`: one step of AdaGrad or Adam, compared with right and wrong rules.

A rule maps the gradients of all steps (n, size) to the steps of the weights (n, size) for eta = 1, and does not depend
on the weights. So eta is fitted, and every rule has one. Equations: network/adagrad.py and network/adam.py.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from charloom.core.base.types import Array
from rnncheck.cases import K, M, weights
from rnncheck.gradient import encoded, matrices
from rnncheck.process import Student, Unreadable
from rnncheck.verdicts import RIGHT, WRONG, Finding, Verdict, faults

UNKNOWN = "it is none of the known rules"
STEPS = 6
TOLERANCE = 1e-5  # of the largest step: float32
FLOOR = 1e-9  # a distance below this is rounding
CLIPS = (np.inf, 5.0, 1.0, 10.0)
ADAM: dict[str, Any] = {"b1": 0.9, "decay": 0.999, "counts": (1, 1), "inside": 0.0, "outside": 1e-8}
EPSILONS = (0.0, 1e-15, 1e-14, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6)


def rule(
    G: Array, *, b1: float = 0, second: str = "sum", decay: float = 0, power: int = 2, root: float = 0.5,
    counts: Sequence[int] = (0, 0), inside: float = 2.2e-16, outside: float = 0, start: float = 0, hat: bool = False,
) -> Array:  # fmt: skip
    """Return the steps for the gradients G (n, size) and eta = 1; the defaults are AdaGrad's.

    b1              decay of the first moment
    second          sum, mean, late (without the present gradient), present (only it) or none: the second moment
    decay           if not 0, the second moment is a mean with this decay instead
    power, root     of the gradient in the second moment, and of the second moment
    counts          the n of the first step in the corrections of both moments; 0: no correction
    inside, outside  epsilon under and beside the root
    start           the first value of the sum
    hat             epsilon stands beside the root of the second moment before its correction
    """
    n, squares = np.arange(len(G))[:, None], abs(G) ** power
    first = decayed(G, b1) / (1 - b1 ** (n + counts[0]) if counts[0] else 1)
    total = start + np.cumsum(squares, axis=0)
    moments = {
        "sum": total,
        "mean": total / (n + 1),
        "late": total - squares,
        "present": squares,
        "none": np.ones_like(G),
    }
    moment = moments[second]
    if decay and second != "none":
        moment = decayed(squares, decay) / (1 - decay ** (n + counts[1]) if counts[1] else 1)
    by = (moment + inside) ** root + outside / np.sqrt(1 - decay ** (n + 1) if hat else 1)
    steps: Array = np.divide(first, by, out=np.zeros_like(G), where=by != 0)
    return steps


def decayed(X: Array, rate: float) -> Array:
    """Return the running means x ← rate · x + (1 − rate) · X_n, from 0."""
    means = [np.zeros_like(X[0])]
    for row in X:
        means.append(rate * means[-1] + (1 - rate) * row)
    return np.array(means[1:])


@cache
def rules() -> list[tuple[str, bool, dict[str, Any]]]:
    """Return every rule: a name or sentence, whether it is right, and its options."""
    made: list[tuple[str, bool, dict[str, Any]]] = [("AdaGrad", True, {}), ("Adam", True, ADAM)]
    for name, base in (("AdaGrad", {}), ("Adam", ADAM)):
        for e in EPSILONS:
            made.append((f"{name} with epsilon {e:g} in the root", True, base | {"inside": e, "outside": 0}))
            made.append((f"{name} with epsilon {e:g} outside the root", True, base | {"inside": 0, "outside": e}))
    made += [(f"AdaGrad with a sum from {s:g}", True, {"start": s}) for s in (0.1, 1.0, 10.0)]
    made += [
        (f"Adam with epsilon {e:g} before the correction", True, ADAM | {"outside": e, "hat": True}) for e in EPSILONS
    ]
    for b1, b2 in product((0.8, 0.9, 0.95), (0.9, 0.95, 0.98, 0.99, 0.999, 0.9999)):
        name = "Adam" + f" with b1 = {b1:g}" * (b1 != 0.9) + f" with b2 = {b2:g}" * (b2 != 0.999)
        options = ADAM | {"b1": b1, "decay": b2}
        made += [(name, True, options | more) for more in ({}, {"hat": True}, {"inside": 1e-8, "outside": 0})]
    for fault in faults()["step"]:
        made += [(fault["says"], False, (ADAM if fault.get("adam") else {}) | options) for options in fault["options"]]
    return made


def judge(student: Student) -> Verdict:
    """Call the program's step, within and beyond gradients of 5, and judge it."""
    rng = np.random.default_rng(3)
    theta = weights(M, K, 0.01, rng)
    within = [{name: _spread(value.shape, rng) for name, value in theta.items()} for _ in range(STEPS)]
    moved, given = [], []
    for factor in (1, 100):
        gradients = [{name: factor * value for name, value in one.items()} for one in within]
        calls = [[encoded(theta), encoded(gradients[0]), None, 1]]
        calls += [[{"from": 0}, encoded(g), {"from": 1}, n] for n, g in enumerate(gradients[1:], 2)]
        (answer,) = student.call("step", calls)
        if answer.error:
            raise Unreadable(answer.error)
        after = [theta, *(matrices(value[0], M, K, "the weights")[0] for value in answer.values)]
        moved.append({name: -np.diff([w[name] for w in after], axis=0).reshape(STEPS, -1) for name in theta})
        given.append({name: np.array([g[name].ravel() for g in gradients]) for name in theta})
    return _judged(moved, given, answer.constants.get("eta"))


def _spread(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return gradients of very different sizes, the first entry 0."""
    values: Array = 0.3 * 10.0 ** -rng.uniform(0, 3, shape) * rng.choice([-1, 1], shape)
    values.flat[0] = 0
    return values


def _judged(
    moved: Sequence[Mapping[str, Array]], given: Sequence[Mapping[str, Array]], set_eta: float | None
) -> Verdict:
    """Judge the steps (n, size) of each matrix for its gradients, within 5 and beyond. `set_eta` is the constant."""
    wrong: dict[tuple[str, ...], list[str]] = {}
    right: dict[str, tuple[str, float]] = {}
    clips: dict[float, list[str]] = {}
    joint = _explained(np.hstack([*moved[0].values()]), np.hstack([*given[0].values()]))
    for name, steps in moved[0].items():
        kind, eta, says = _explained(steps, given[0][name]) if joint[2] else joint
        says = joint[2] if says and says[0].startswith(UNKNOWN) else says  # one sentence for all
        if not says:
            right[name] = kind, eta
            options = next(options for about, _, options in rules() if about == kind)
            clipped = {bound: eta * rule(np.clip(given[1][name], -bound, bound), **options) for bound in CLIPS}
            allowed = TOLERANCE * _largest(moved[1][name])
            bounds = [bound for bound, steps in clipped.items() if _largest(moved[1][name] - steps) <= allowed]
            clips.setdefault(bounds[0] if bounds else 0.0, []).append(name)
        if says:
            wrong.setdefault(says, []).append(name)
    kinds = ", ".join(dict.fromkeys(f"{kind}, eta {eta:.4g}" for kind, eta in right.values()))
    if len({f"{eta:.3g}" for _, eta in right.values()}) > 1:
        wrong["eta differs between the matrices",] = list(moved[0])
    adams = {about for about, _, options in rules() if options.get("b1")}
    is_adam = any(
        name in adams or " Adam" in name
        for name in (*(sentence for says in wrong for sentence in says), *(kind for kind, _ in right.values()))
    )
    place = f"src/charloom/core/network/{'adam' if is_adam else 'adagrad'}.py, step"
    place = place if kinds or "infinite" not in str(wrong) else ""  # of AdaGrad or Adam: the steps do not say
    findings = []
    for says, names in wrong.items():
        about = "" if len(names) == len(moved[0]) else f", for {', '.join(names)}"
        named = not says[0].startswith(UNKNOWN)
        findings.append(Finding(tuple(f"{sentence}{about}" for sentence in says), place, named))
    notes = [
        f"it clips the gradients of {', '.join(n)} to ±{bound:g}" for bound, n in clips.items() if 0 < bound < np.inf
    ]
    eta = next((eta for _, eta in right.values()), 0)
    if set_eta and eta and not 0.999 < eta / set_eta < 1.001:
        notes.append(f"its eta is {eta:.4g}, and the constant eta is {set_eta:g}: is there a factor in the step?")
    notes += ["with gradients beyond 5 it takes other steps: does it clip them by their norm, or not everywhere?"] * (
        0.0 in clips
    )
    return Verdict("step", WRONG if findings else RIGHT, kinds, tuple(findings), tuple(notes))


def _largest(steps: Array) -> float:
    return float(abs(steps).max()) if np.isfinite(steps).all() else np.inf


def _explained(steps: Array, G: Array) -> tuple[str, float, tuple[str, ...]]:
    """Return the name of the right rule and its eta, or what is wrong: a sentence, or alternatives."""
    if not np.isfinite(steps).all():
        at_zero = np.isfinite(np.delete(steps, 0, axis=1)).all()
        says = (
            "it divides by 0 if all gradients of a weight were 0"
            if at_zero
            else "it makes weights infinite, or no number: it divides by 0, or takes the root of a negative number"
        )
        return "", 0, (says,)
    if not steps.any():
        return "", 0, ("it does not change the weights",)
    fits = []
    for about, is_right, options in rules():
        reference = rule(G, **options)
        eta = float((steps * reference).sum() / (reference**2).sum())
        fits.append((_largest(steps - eta * reference) / _largest(steps), eta, about, is_right))
    right = [fit for fit in fits if fit[3]]
    for distance, eta, about, _ in right:
        if distance <= TOLERANCE:
            return (about, eta, ()) if eta > 0 else ("", 0, ("it has the opposite sign, and increases the loss",))
    best = max(min(fits)[0], FLOOR)
    if best <= TOLERANCE and min(right)[0] >= 100 * best:
        return "", 0, tuple(dict.fromkeys(fit[2] for fit in sorted(fits) if fit[0] < 10 * best))
    agreed = []
    for about, is_right, options in rules():
        if is_right:
            reference = rule(G, **options)
            eta = float((steps[0] * reference[0]).sum() / (reference[0] ** 2).sum())
            errors = abs(steps - eta * reference).max(axis=1) > TOLERANCE * _largest(steps)
            agreed.append((int(errors.argmax()) if errors.any() else STEPS, about, eta))
    n, about, eta = max(agreed, key=lambda rule: rule[0])
    nearest = f"the first {n} of {STEPS} steps are those of {about}, eta {eta:.4g}" if n else "the first step is none"
    return "", 0, (f"{UNKNOWN}: {nearest}",)
