"""The verdict on `step`: one step of AdaGrad or Adam, compared with right and wrong rules.

A rule maps the gradients of all steps (n, size) to the steps of the weights (n, size) for eta = 1, and does not depend
on the weights. So eta is fitted, and every rule has one. Equations: network/adagrad.py and network/adam.py.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from rnncheck.cases import About, generator, weights
from rnncheck.results import matrices, parts
from rnncheck.verdicts import RIGHT, UNCHECKED, WRONG, Array, Finding, Given, Unreadable, Verdict, faults, same

UNKNOWN = "it is none of the known rules"
STEPS = 6
TOLERANCE = 1e-5  # of the largest step: float32
FLOOR = 1e-9  # a distance below this is rounding
CLIPS = (np.inf, 5.0, 1.0, 10.0)
ADAM: dict[str, Any] = {"b1": 0.9, "decay": 0.999, "counts": (1, 1), "inside": 0.0, "outside": 1e-8}
LARGEST_EPSILON, SMALLEST_START = 9.9e-6, 0.05  # an epsilon between them is a fault; AdaGrad's sum may start above
Rule = tuple[str, bool, dict[str, Any]]  # a name or sentence, whether it is right, and the options of `rule`


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
    moments = {"sum": total, "mean": total / (n + 1), "late": total - squares, "present": squares, "none": 0 * G + 1}
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


def epsilons(steps: Array, g: Array) -> tuple[float, float]:
    """Return epsilon inside and outside the root, by the first step of AdaGrad or Adam; below 0 or NaN if none fits.

    g / step is √(g² + inside) / eta, or (|g| + outside) / eta.
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
    """Return every rule. A right one may have this epsilon."""
    made: list[Rule] = [("AdaGrad", True, {}), ("Adam", True, ADAM)]
    pairs = list(product((0.8, 0.9, 0.95), (0.9, 0.95, 0.98, 0.99, 0.999, 0.9999)))
    names = [f"Adam{f' with b1 = {b1:g}' * (b1 != 0.9)}{f' with b2 = {b2:g}' * (b2 != 0.999)}" for b1, b2 in pairs]
    adams = [(name, ADAM | {"b1": b1, "decay": b2}) for name, (b1, b2) in zip(names, pairs, strict=True)]
    made += [(name, True, options) for name, options in adams]
    for name, base in [("AdaGrad", {}), *adams]:
        places = [("in the root", inside, {"inside": inside, "outside": 0})]
        places += [("outside the root", outside, {"inside": 0, "outside": outside})]
        if base:
            hat = outside * np.sqrt(1 - base["decay"])
            places.append(("before the correction", hat, {"inside": 0, "outside": hat, "hat": True}))
        for place, epsilon, options in places:
            if name == "AdaGrad" and place == "in the root" and 1000 > epsilon > SMALLEST_START:
                made.append((f"{name} with a sum from {epsilon:.2g}", True, options))
            elif 1 > epsilon > LARGEST_EPSILON:
                made.append((f"{name}'s epsilon is {epsilon:.2g}, which changes small steps", False, base | options))
            elif LARGEST_EPSILON >= epsilon > 0:
                made.append((f"{name} with epsilon {epsilon:.2g} {place}", True, base | options))
    for fault in faults()["step"]:
        made += [(fault["says"], False, (ADAM if fault.get("adam") else {}) | options) for options in fault["options"]]
    return made


def _asked(about: About) -> tuple[dict[str, Array], list[list[dict[str, Array]]]]:
    """Return the weights, and gradients within 5 and beyond."""
    rng = generator(3, about.seed)
    theta = weights(about.m, about.K, 0.01, rng)
    within = [{name: _spread(value.shape, rng) for name, value in theta.items()} for _ in range(STEPS)]
    return theta, [[{name: factor * value for name, value in one.items()} for one in within] for factor in (1, 100)]


def calls(about: About) -> list[dict[str, Any]]:
    """Return the arguments of all calls by name. A call is a sequence of steps, each from the weights of the last."""
    theta, (within, beyond) = _asked(about)
    return [{"weights": theta, "gradients": gradients} for gradients in (within, within, beyond)]


def judge(about: About, given: Given, eta: float | None) -> Verdict:
    """Judge the program's steps. eta is what the program says that its eta is."""
    theta, asked = _asked(about)
    steps = [parts(value, ", ".join(["weights"] * STEPS)) for value in given(0, 3)]
    after = [[theta, *(matrices(value, about.m, about.K, "the weights")[0] for value in one)] for one in steps]
    if not all(same(one.values(), two.values()) for one, two in zip(*after[:2], strict=True)):
        raise Unreadable("it keeps a memory between calls, and n = 1 does not start a new one")
    moved = [{n: -np.diff([w[n] for w in one], axis=0).reshape(STEPS, -1) for n in theta} for one in after[1:]]
    return _judged(moved, [{n: np.array([g[n].ravel() for g in one]) for n in theta} for one in asked], eta)


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
        (about, _, options), eta, says = _explained(steps, given[0][name]) if joint[2] else joint
        says = joint[2] if says and says[0].startswith(UNKNOWN) else says  # one sentence for all
        if says:
            wrong.setdefault(says, []).append(name)
            continue
        right[name] = about, eta
        clipped = {bound: eta * rule(np.clip(given[1][name], -bound, bound), **options) for bound in CLIPS}
        allowed = TOLERANCE * _largest(moved[1][name])
        limits = [bound for bound, steps in clipped.items() if _largest(moved[1][name] - steps) <= allowed]
        clips.setdefault(limits[0] if limits else 0.0, []).append(name)
    kinds = ", ".join(dict.fromkeys(f"{about}, eta {eta:.4g}" for about, eta in right.values()))
    if len({f"{eta:.3g}" for _, eta in right.values()}) > 1:
        wrong["eta differs between the matrices",] = list(moved[0])
    known = {says: names for says, names in wrong.items() if not says[0].startswith(UNKNOWN)}
    of = {says: f", for {', '.join(names)}" * (len(names) < len(moved[0])) for says, names in wrong.items()}
    findings = [Finding(tuple(f"{text}{of[says]}" for text in says)) for says in known]
    texts = [f"{says[0]}{of[says]}" for says in wrong if says not in known]
    notes = [
        f"it clips the gradients of {', '.join(n)} to ±{bound:g}" for bound, n in clips.items() if 0 < bound < np.inf
    ]
    fitted = next((eta for _, eta in right.values()), 0)
    if set_eta and fitted and not 0.999 < fitted / set_eta < 1.001:
        notes.append(f"its eta is {fitted:.4g}, and the constant eta is {set_eta:g}: is there a factor in the step?")
    if 0.0 in clips:
        notes.append("beyond ±5 it takes other steps: does it clip gradients by their norm, or not everywhere?")
    result = WRONG if findings else UNCHECKED if texts else RIGHT
    return Verdict("step", result, "; ".join(filter(None, [kinds, *texts])), tuple(findings), tuple(notes))


def _largest(steps: Array) -> float:
    return float(abs(steps).max()) if np.isfinite(steps).all() else np.inf


def _explained(steps: Array, G: Array) -> tuple[Rule, float, tuple[str, ...]]:
    """Return the right rule and its eta, or what is wrong: a sentence, or alternatives."""
    none: Rule = "", False, {}
    if not np.isfinite(steps).all():
        says = "it divides by 0, or takes the root of a negative number: weights become infinite, or no number"
        if np.isfinite(np.delete(steps, 0, axis=1)).all():
            says = "it divides by 0 if all gradients of a weight were 0"
        return none, 0, (says,)
    if not steps.any():
        return none, 0, ("it does not change the weights",)
    fits: list[tuple[float, float, int, Rule]] = []
    for one in rules(*epsilons(steps[0], G[0])):
        reference = rule(G, **one[2])
        eta = float((steps * reference).sum() / (reference**2).sum())
        fits.append((_largest(steps - eta * reference) / _largest(steps), eta, len(fits), one))
    right = [fit for fit in fits if fit[3][1]]
    for distance, eta, _, one in right:
        if distance <= TOLERANCE:
            return (one, eta, ()) if eta > 0 else (none, 0, ("it has the opposite sign, and increases the loss",))
    best = max(min(fits)[0], FLOOR)
    if best <= TOLERANCE and min(right)[0] >= 100 * best:
        return none, 0, tuple(dict.fromkeys(fit[3][0] for fit in sorted(fits) if fit[0] < 10 * best))
    agreed = []
    for _, _, _, one in right:
        reference = rule(G, **one[2])
        eta = float((steps[0] * reference[0]).sum() / (reference[0] ** 2).sum())
        errors = abs(steps - eta * reference).max(axis=1) > TOLERANCE * _largest(steps)
        agreed.append((int(errors.argmax()) if errors.any() else STEPS, one[0], eta))
    n, about, eta = max(agreed, key=lambda fit: fit[0])
    nearest = f"the first {n} of {STEPS} steps are those of {about}, eta {eta:.4g}" if n else "the first step is none"
    return none, 0, (f"{UNKNOWN}: {nearest}",)
