"""The verdict on `step`: the first steps of the program's optimiser, compared with right and wrong rules.

A rule, such as AdaGrad, maps the gradients of n steps (n, size) to the steps of the weights (n, size) for the learning
rate eta = 1, and does not depend on the weights. So the program's eta is fitted for each rule by least squares. The
equations are those in network/adagrad.py and network/adam.py of charloom.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from rnncheck.cases import About, generator, weights
from rnncheck.results import matrices, parts
from rnncheck.verdicts import RIGHT, UNCHECKED, WRONG, Array, CallResults, Finding, Unreadable, Verdict, faults, same

UNKNOWN = "the optimiser follows none of the known rules"
STEPS = 6
TOLERANCE = 1e-5  # largest distance of a right rule, relative to the largest step: enough for float32
FLOOR = 1e-9  # a distance below this is rounding
ADAM: dict[str, Any] = {"b1": 0.9, "decay": 0.999, "counts": (1, 1), "inside": 0.0, "outside": 1e-8}
LARGEST_EPSILON, SMALLEST_START = 9.9e-6, 0.05  # an epsilon between is a fault; above: AdaGrad's first sum
Rule = tuple[str, bool, dict[str, Any]]  # a name or sentence, whether it is right, and the options of `rule`


def rule(
    G: Array, *, b1: float = 0, second: str = "sum", decay: float = 0, power: int = 2, root: float = 0.5,
    counts: Sequence[int] = (0, 0), inside: float = 2.2e-16, outside: float = 0, start: float = 0, hat: bool = False,
) -> Array:  # fmt: skip
    """Return the steps (n, size) of a rule for the gradients G (n, size) and eta = 1. The defaults are AdaGrad's.

    b1              decay of the first moment
    second          the second moment: the sum or mean of the squares up to a step, late (the sum up to the step
                    before), present (the last square alone) or none
    decay           if not 0, and `second` is not none, the second moment is a running mean with this decay
    power, root     exponents: of the gradient in the second moment, and of the second moment in the divisor
    counts          the n of the first step in the bias corrections of the two moments; 0 means no correction
    inside, outside  epsilon added to the second moment under the root, and to the root
    start           the initial value of the sum
    hat             whether `outside` is added to the root before the bias correction of the second moment
    """
    n, squares = np.arange(len(G))[:, None], abs(G) ** power
    first = decayed(G, b1) / (1 - b1 ** (n + counts[0]) if counts[0] else 1)
    total = start + np.cumsum(squares, axis=0)
    moments = {"sum": total, "mean": total / (n + 1), "late": total - squares, "present": squares, "none": 0 * G + 1}
    moment = moments[second]
    if decay and second != "none":
        moment = decayed(squares, decay) / (1 - decay ** (n + counts[1]) if counts[1] else 1)
    by = (moment + inside) ** root + outside / np.sqrt(1 - decay ** (n + 1) if hat else 1)
    steps: Array = np.divide(first, by, out=np.zeros_like(G), where=by != 0)
    return steps


def decayed(X: Array, rate: float) -> Array:
    """Return the running means (n, size) of the rows of X: x ← rate · x + (1 − rate) · X_n, from x = 0."""
    means = [np.zeros_like(X[0])]
    for row in X:
        means.append(rate * means[-1] + (1 - rate) * row)
    return np.array(means[1:])


def epsilons(steps: Array, g: Array) -> tuple[float, float]:
    """Return epsilon inside the root and epsilon outside, computed from the first step (size,) and its gradient g.

    In AdaGrad and Adam, g / step is √(g² + inside) / eta or (|g| + outside) / eta. A result is negative or NaN if no
    epsilon fits.
    """
    order = np.argsort(np.where((g != 0) & (steps != 0), abs(g), np.nan))
    small, large = order[0], order[int(np.isfinite(np.where((g != 0) & (steps != 0), g, np.nan)).sum()) - 1]
    fitted = []
    with np.errstate(all="ignore"):
        ratio = abs(g / steps)
        for power in (2, 1):
            x, y = abs(g) ** power, ratio**power
            fitted.append(float(y[small] * (x[large] - x[small]) / (y[large] - y[small]) - x[small]))
    return fitted[0], fitted[1]


def rules(inside: float = 0, outside: float = 0) -> list[Rule]:
    """Return all known rules, right and wrong, among them those with epsilon `inside` or `outside` the root."""
    adams = [
        (f"Adam{f' with b1 = {b1:g}' * (b1 != 0.9)}{f' with b2 = {b2:g}' * (b2 != 0.999)}", {"b1": b1, "decay": b2})
        for b1, b2 in product((0.9, 0.8, 0.95), (0.999, 0.9, 0.95, 0.98, 0.99, 0.9999))
    ]
    bases: list[tuple[str, dict[str, Any]]] = [("AdaGrad", {}), *((name, ADAM | options) for name, options in adams)]
    rules_: list[Rule] = [(name, True, options) for name, options in bases]
    for name, base in bases:
        hat = outside * np.sqrt(1 - base.get("decay", 0))
        for place, epsilon, options in (
            ("in the root", inside, {"inside": inside, "outside": 0}),
            ("outside the root", outside, {"inside": 0, "outside": outside}),
            ("before the correction", hat if base else 0, {"inside": 0, "outside": hat, "hat": True}),
        ):
            if not base and place == "in the root" and 1000 > epsilon > SMALLEST_START:
                rules_.append((f"AdaGrad with a sum from {epsilon:.2g}", True, options))
            elif 1 > epsilon > LARGEST_EPSILON:
                rules_.append((f"{name}'s epsilon is {epsilon:.2g}, which changes small steps", False, base | options))
            elif LARGEST_EPSILON >= epsilon > 0:
                rules_.append((f"{name} with epsilon {epsilon:.2g} {place}", True, base | options))
    for fault in faults()["step"]:
        rules_ += [
            (fault["says"], False, (ADAM if fault.get("adam") else {}) | options) for options in fault["options"]
        ]
    return rules_


def _inputs(about: About) -> tuple[dict[str, Array], list[dict[str, Array]]]:
    """Return the initial weights, and the gradients of each of the STEPS steps."""
    rng = generator(3, about.seed)
    theta = weights(about.m, about.K, 0.01, rng)
    return theta, [{name: _spread(value.shape, rng) for name, value in theta.items()} for _ in range(STEPS)]


def calls(about: About) -> list[dict[str, Any]]:
    """Return the arguments of two equal calls. In each, `step` is applied to one gradient after the other."""
    theta, gradients = _inputs(about)
    return 2 * [{"weights": theta, "gradients": gradients}]


def judge(about: About, results: CallResults, eta: float | None) -> Verdict:
    """Return the verdict on the program's steps. `eta` is the learning rate that the author names, None if unknown."""
    theta, gradients = _inputs(about)
    steps = [parts(value, ", ".join(["weights"] * STEPS)) for value in results(0, 2)]
    after = [
        [theta, *(matrices(value, about.m, about.K, "the weights")[0] for value in weights_of_call)]
        for weights_of_call in steps
    ]
    if not all(
        same(weights_of_call.values(), weights_of_repeat.values())
        for weights_of_call, weights_of_repeat in zip(*after, strict=True)
    ):
        raise Unreadable("`step` keeps its memory between calls: at n = 1, the first step, start with a new one")
    moved = {n: -np.diff([w[n] for w in after[1]], axis=0).reshape(STEPS, -1) for n in theta}
    return _judge_steps(moved, {n: np.array([g[n].ravel() for g in gradients]) for n in theta}, eta)


def _spread(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return a gradient whose entries have very different sizes. The first entry is 0."""
    values: Array = 0.3 * 10.0 ** -rng.uniform(0, 3, shape) * rng.choice([-1, 1], shape)
    values.flat[0] = 0
    return values


def _judge_steps(moved: Mapping[str, Array], gradients: Mapping[str, Array], set_eta: float | None) -> Verdict:
    """Return the verdict on the steps (n, size) of each matrix in `moved`, for its gradients (n, size).

    `set_eta` is the learning rate that the author names, None if unknown.
    """
    whole = np.hstack([*moved.values()])
    joint = _explained(whole, np.hstack([*gradients.values()]))
    apart = joint[2] == (UNKNOWN,) or not np.isfinite(whole).all()
    wrong: dict[tuple[str, ...], list[str]] = {}
    right: dict[str, float] = {}
    for name, steps in moved.items():
        about, eta, messages = _explained(steps, gradients[name]) if apart else joint
        if messages:
            wrong.setdefault(messages, []).append(name)
        else:
            right[f"{about}, eta {eta:.4g}"] = eta
    if len({f"{eta:.3g}" for eta in right.values()}) > 1:
        wrong["eta differs between the matrices",] = list(moved)
    named = {messages: f", for {', '.join(names)}" * (len(names) < len(moved)) for messages, names in wrong.items()}
    unknown = [UNKNOWN + named.pop((UNKNOWN,))] if (UNKNOWN,) in named else []
    findings = tuple(Finding(tuple(text + which for text in messages)) for messages, which in named.items())
    eta, note = (
        next(iter(right.values()), 0),
        "its eta is {:.4g}, and the constant eta is {:g}: is there a factor in the step?",
    )
    notes = [note.format(eta, set_eta)] if eta and set_eta and not 0.999 < eta / set_eta < 1.001 else []
    result = WRONG if findings else UNCHECKED if unknown else RIGHT
    return Verdict("step", result, "; ".join([*right, *unknown]), findings, tuple(notes))


def _largest(steps: Array) -> float:
    return float(abs(steps).max()) if np.isfinite(steps).all() else np.inf


def _explained(steps: Array, G: Array) -> tuple[str, float, tuple[str, ...]]:
    """Return the right rule's name, its eta, and (). If no right rule fits, return "", 0, and alternative faults."""
    if not np.isfinite(steps).all():
        message = "it divides by 0, or takes the root of a negative number: weights become infinite or NaN"
        if np.isfinite(np.delete(steps, 0, axis=1)).all():
            message = "it divides by 0 if all gradients of a weight were 0"
        return "", 0, (message,)
    if not steps.any():
        return "", 0, ("it does not change the weights",)
    fits: list[tuple[float, float, str, bool]] = []
    for about, right, options in rules(*epsilons(steps[0], G[0])):
        reference = rule(G, **options)
        eta = float((steps * reference).sum() / (reference**2).sum())
        distance = _largest(steps - eta * reference) / _largest(steps)
        if right and distance <= TOLERANCE:
            return (about, eta, ()) if eta > 0 else ("", 0, ("the step has the opposite sign: it increases the loss",))
        fits.append((distance, eta, about, right))
    best = max(min(fits)[0], FLOOR)
    if best <= TOLERANCE and min(fit[0] for fit in fits if fit[3]) >= 100 * best:
        return "", 0, tuple(dict.fromkeys(fit[2] for fit in sorted(fits) if fit[0] < 10 * best))
    return "", 0, (UNKNOWN,)
