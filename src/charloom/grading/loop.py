"""The verdict on `losses`: the first losses of training, compared with right and wrong loops.

A loop is compared only as far as rounding cannot matter: a twin, whose weights differ by 1e-7, shows how far. Large
rates allow some updates only, which is why the network is small.
"""

from collections.abc import Iterator, Mapping
from itertools import islice, product

import numpy as np

from charloom.core.base.types import Array
from charloom.grading.backward import Weights, forward, gradients
from charloom.grading.cases import weights
from charloom.grading.gradient import decoded, encoded
from charloom.grading.process import Student, Unreadable
from charloom.grading.verdicts import RIGHT, WRONG, Finding, Verdict, faults

m, K = 10, 8
EPOCH, UPDATES = 5, 13  # updates of an epoch, and in all
CHANGE, TRUSTED = 1e-7, 1e-3  # of the twin's weights; the largest relative difference that decides
PLACE = "src/charloom/core/training/loop.py"
# A rule's eta if neither the program nor its map has one, its epsilon, and its decays, which AdaGrad has not.
RULES: dict[str, tuple[float, float, tuple[float, float] | None]] = {
    "AdaGrad": (0.1, 2.2e-16, None),
    "AdaGrad with epsilon 1e-08": (0.1, 1e-8, None),
    "Adam": (0.001, 1e-8, (0.9, 0.999)),
    "Adam with b2 = 0.99": (0.001, 1e-8, (0.9, 0.99)),
    "descent": (0.1, 0.0, None),
}
# The options of a loop, by name: the first is ours, the others are variants, or faults if faults.toml has them.
OPTIONS: dict[str, tuple[str, ...]] = {
    "rule": tuple(RULES),
    "gradient": ("of the sum", "of the mean"),
    "clip": ("to ±5", "none", "to ±1", "by the norm to 5", "by the norm to 1", "plain_biases"),
    "state": ("carried", "zero_state"),
    "epoch": ("from state 0", "kept_state"),
    "end": ("whole text", "last sequence left out"),
    "W": ("", "zero_before_first", "last_before_first"),
    "loss": ("before the step", "after the step"),
    "shown": ("loss", "smooth loss", "smooth_from_0"),
}
LATE = ("epoch", "end")  # have no effect before the last update of an epoch


def clipped(gradients: Weights, how: str) -> Weights:
    """Return the gradients as clipped by an option."""
    if how == "none":
        return gradients
    bound = float(how[-1]) if how[-1].isdecimal() else 5.0
    if "norm" in how:
        norm = np.sqrt(sum((g * g).sum() for g in gradients.values()))
        return {name: g * min(1, bound / norm) for name, g in gradients.items()}
    return {n: g if how == "plain_biases" and n in "bc" else np.clip(g, -bound, bound) for n, g in gradients.items()}


def losses(theta: Weights, ids: Array, T: int, eta: float | None, o: Mapping[str, str]) -> Iterator[float]:
    """Yield the loss of each update with these options, without end. Raises FloatingPointError if it diverges."""
    theta = {name: value.copy() for name, value in theta.items()}
    first, second = ({name: 0 * value for name, value in theta.items()} for _ in range(2))
    usual, epsilon, decays = RULES[o["rule"]]
    eta = eta or usual
    start, h, smooth, n = 0, np.zeros(m), None, 0
    while True:
        if start + T + 1 > len(ids) - (o["end"] != "whole text"):
            start, h = 0, h * (o["epoch"] == "kept_state")
        x, y = ids[start : start + T], ids[start + 1 : start + T + 1]
        h = h * (o["state"] == "carried")
        s = forward(theta, h, x, y, o["gradient"] == "of the mean")
        n += 1
        for name, g in clipped(gradients(s, {"W": o["W"]}), o["clip"]).items():
            if decays:
                b1, b2 = decays
                first[name] += (1 - b1) * (g - first[name])
                second[name] += (1 - b2) * (g * g - second[name])
                theta[name] -= eta * first[name] / (1 - b1**n) / (np.sqrt(second[name] / (1 - b2**n)) + epsilon)
            elif o["rule"] == "descent":
                theta[name] -= eta * g
            else:
                second[name] += g * g
                theta[name] -= eta * g / np.sqrt(second[name] + epsilon)
        loss = (s if o["loss"] == "before the step" else forward(theta, h, x, y)).losses.sum()
        smooth = (
            (loss if o["shown"] == "smooth loss" else 0.001 * loss) if smooth is None else 0.999 * smooth + 0.001 * loss
        )
        yield float(loss if o["shown"] == "loss" else smooth)
        start, h = start + T, s.h[-1]


def judge(student: Student) -> Verdict:
    """Call the program's losses, and find the loops that have them."""
    rng = np.random.default_rng(8)
    theta = weights(m, K, 0.3, rng)
    (answer,) = student.call("losses", [])  # for the constants
    T, eta = int(answer.constants.get("seq_length", 25)), answer.constants.get("eta")
    ids = rng.choice(K, EPOCH * T + 1, p=np.array([8, 4, 2, 2, 1, 1, 1, 1]) / 20)
    (answer,) = student.call("losses", [[encoded(theta), encoded(ids), UPDATES]])
    if answer.error:
        raise Unreadable(answer.error)
    given = decoded(answer.values[0], "its result").ravel()
    if len(given) != UPDATES:
        raise Unreadable(f"it returns {len(given)} losses, not {UPDATES}")
    return judged(given, theta, ids, T, eta)


def judged(given: Array, theta: Weights, ids: Array, T: int, eta: float | None) -> Verdict:
    """Judge the losses (n,) that a program gave for these weights and ids."""
    default = {name: values[0] for name, values in OPTIONS.items()}
    loss = next(losses(theta, ids, T, eta, default))
    factors = {1.0: ("loss", "smooth loss"), 0.001: ("smooth_from_0",)}
    unit, factor = min(product((1, T), factors), key=lambda pair: abs(np.log(abs(given[0]) * pair[0] / pair[1] / loss)))
    tolerance = {rule: _tolerance(theta, ids, T, eta, default | {"rule": rule}) for rule in OPTIONS["rule"]}
    known = faults()["loop"]
    options = (OPTIONS | {"shown": factors[factor]}).values()
    loops = [dict(zip(OPTIONS, values, strict=True)) for values in product(*options)]
    furthest, early = 0, dict[tuple[str, ...], int]()
    for size in range(3):
        matching = []
        for o in loops:
            head = tuple(value for name, value in o.items() if name not in LATE)
            if len(_wrong(o)) != size or early.get(head, EPOCH) < EPOCH - 1:
                continue
            allowed = tolerance[o["rule"]]
            pairs = zip(given * unit, losses(theta, ids, T, eta, o), allowed, strict=False)
            agree = next((n for n, (a, b, near) in enumerate(pairs) if not abs(a - b) <= near * abs(b)), len(allowed))
            furthest, early[head] = max(furthest, agree), agree
            matching += [o] if agree == len(allowed) else []
            if matching and not size:
                break
        if matching:
            o = matching[0]
            if len(tolerance[o["rule"]]) <= EPOCH:
                raise Unreadable("with this eta, rounding grows too fast to compare an epoch")
            about = f"{o['rule']}, eta {eta or RULES[o['rule']][0]:g}; {len(tolerance[o['rule']])} losses compared"
            if size:
                says = dict.fromkeys("; and ".join(known[key] for key in _wrong(o)) for o in matching)
                return Verdict("losses", WRONG, about, (Finding(tuple(says), PLACE),))
            shown = ("clip", "gradient", "end", "loss", "shown")
            variants = ", ".join(f"{name} {o[name]}" for name in shown if o[name] != default[name])
            return Verdict("losses", RIGHT, about, (), (f"variants, which are no fault: {variants}",) * bool(variants))
    raise Unreadable(
        f"no known loop has these losses from update {furthest + 1} on; if a part above is wrong, mend it first"
    )


def _wrong(o: Mapping[str, str]) -> list[str]:
    """Return the options that are faults, by their keys in faults.toml."""
    return [value for value in o.values() if value in faults()["loop"]]


def _tolerance(theta: Weights, ids: Array, T: int, eta: float | None, o: Mapping[str, str]) -> list[float]:
    """Return the relative difference that is rounding at each update, as far as it can be trusted."""
    twin = {name: value * (1 + CHANGE) for name, value in theta.items()}
    ours, theirs = (np.array(list(islice(losses(start, ids, T, eta, o), UPDATES))) for start in (theta, twin))
    allowed = np.maximum(1e-5, 30 * np.maximum.accumulate(abs(ours - theirs) / ours))
    return [float(near) for near in allowed if near < TRUSTED]
