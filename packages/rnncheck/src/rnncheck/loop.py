"""The verdict on `losses`: the first losses of training, compared with those of right and wrong training loops.

Losses are compared only up to the update from which rounding can matter. A second training, the twin, whose initial
weights differ by 1e-7, shows this update. It comes early if the learning rate is large, so the network is small.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

import numpy as np

from rnncheck.backward import Weights, forward, gradients
from rnncheck.cases import About, generator, weights
from rnncheck.results import array
from rnncheck.steps import ADAM, rule
from rnncheck.verdicts import AGAIN, RIGHT, WRONG, Array, CallResults, Finding, Unreadable, Verdict, faults, same

m, K = 10, 8
HANDED_ON = {"carried": -1, "zero_state": -1, "first_state": 1, "last_but_one": -2}  # index in h_0 to h_T
EPOCH, UPDATES = 5, 13  # updates of an epoch, and in all
CHANGE, TRUSTED = 1e-7, 1e-3  # change of the twin's weights; largest relative rounding error of a compared loss
SMOOTHED = 3e-4  # the relative error of a loss that is computed from two smooth losses in float32
# A rule's eta if the program names none, and its options in steps.py.
RULES: dict[str, tuple[float, dict[str, Any]]] = {
    "AdaGrad": (0.1, {}),
    "AdaGrad with epsilon 1e-08": (0.1, {"inside": 1e-8}),
    "Adam": (0.001, ADAM),
    "Adam with b2 = 0.99": (0.001, ADAM | {"decay": 0.99}),
    "descent": (0.1, {"second": "none"}),
}
# The values of each option of a loop. The first is the usual one; another is a fault if faults.toml has it as a key.
OPTIONS: dict[str, tuple[str, ...]] = {
    "rule": tuple(RULES),
    "gradient": ("of the sum", "of the mean"),
    "clip": ("to ±5", "none", "to ±1", "by the norm to 5", "by the norm to 1", "plain_biases"),
    "state": ("carried", "zero_state", "first_state", "last_but_one"),
    "epoch": ("from state 0", "kept_state"),
    "end": ("whole text", "last sequence left out"),
    "W": ("", "zero_before_first", "last_before_first"),
    "memory": ("kept", "new_memory", "new_memory_of_epoch"),
    "targets": ("next characters", "unshifted"),
    "loss": ("before the step", "after the step"),
}
# The index of the first loss that an option can change; 1 for the others.
EFFECT = {"epoch": EPOCH - 1, "end": EPOCH - 1, "memory": 2, "targets": 0, "loss": 0}
SHOWN = ("loss", "smooth loss", "smooth loss from ln K", "smooth_from_0")


def clipped(gradients: Weights, how: str) -> Weights:
    """Return the gradients, clipped as `how` says, a value of the option `clip` in OPTIONS."""
    if how == "none":
        return gradients
    bound = float(how[-1]) if how[-1].isdecimal() else 5.0
    if "norm" in how:
        norm = np.sqrt(sum((g * g).sum() for g in gradients.values()))
        return {name: g * min(1, bound / norm) for name, g in gradients.items()}
    return {n: g if how == "plain_biases" and n in "bc" else np.clip(g, -bound, bound) for n, g in gradients.items()}


def losses(theta: Weights, ids: Array, T: int, eta: float | None, o: Mapping[str, str]) -> Iterator[float]:
    """Yield the loss of each update of a training loop with the options `o`, without end.

    The loop starts from the weights theta, and reads sequences of T characters of the text `ids`. If `eta` is None, the
    learning rate is that of RULES. The losses are sums over a sequence, in nats.
    """
    theta, past = {name: value.copy() for name, value in theta.items()}, list[Array]()
    usual, options = RULES[o["rule"]]
    start, h = 0, np.zeros(m)
    while True:
        if start + T + 1 > len(ids) - (o["end"] != "whole text"):
            start, h = 0, h * (o["epoch"] == "kept_state")
            past = [] if o["memory"] == "new_memory_of_epoch" else past
        past = [] if o["memory"] == "new_memory" else past
        x, y = (ids[start + i : start + i + T] for i in (0, o["targets"] == "next characters"))
        s = forward(theta, h, x, y, o["gradient"] == "of the mean")
        g = clipped(gradients(s, {"W": o["W"]}), o["clip"])
        past.append(np.concatenate([g[name].ravel() for name in theta]))
        step, end = (eta or usual) * rule(np.array(past), **options)[-1], 0
        for value in theta.values():
            value -= step[end : (end := end + value.size)].reshape(value.shape)
        yield float((s if o["loss"] == "before the step" else forward(theta, h, x, y)).losses.sum())
        start, h = start + T, s.h[HANDED_ON[o["state"]]] * (o["state"] != "zero_state")


def unsmoothed(values: Array, shown: str, T: int) -> Array:
    """Convert a program's values (n,) to losses (n,). `shown`, an entry of SHOWN, says what the values are.

    T is the length of a sequence, or 1 if the values are means over a sequence.
    """
    if shown == "loss":
        return values
    before = {"smooth loss": values[0], "smooth loss from ln K": T * np.log(K), "smooth_from_0": 0.0}[shown]
    return np.asarray((values - 0.999 * np.append(before, values[:-1])) / 0.001)


def _inputs(about: About) -> tuple[dict[str, Array], Array]:
    """Return the initial weights, and the text as ids."""
    rng = generator(8, about.seed)
    theta = weights(m, K, 0.3, rng)
    return theta, rng.choice(K, EPOCH * about.seq_length + 1, p=np.array([8, 4, 2, 2, 1, 1, 1, 1]) / 20)


def calls(about: About) -> list[dict[str, Any]]:
    """Return the arguments of the two calls of `losses`. They are equal, to show a state that the program keeps."""
    theta, ids = _inputs(about)
    return 2 * [{"weights": theta, "ids": ids, "n": UPDATES}]


def judge(about: About, results: CallResults, eta: float | None) -> Verdict:
    """Find the training loops that have the program's losses. `eta` is its learning rate, None if it is unknown."""
    first, second = (array(value, "the result of losses").ravel() for value in results(0, 2))
    if len(first) != UPDATES:
        raise Unreadable(f"the function returns {len(first)} losses; n = {UPDATES} are needed")
    if not same([first], [second]):
        raise Unreadable(AGAIN)
    return judge_losses(first, *_inputs(about), about.seq_length, eta)


@np.errstate(all="ignore")  # wrong loops diverge
def judge_losses(shown_losses: Array, theta: Weights, ids: Array, T: int, eta: float | None) -> Verdict:
    """Judge the values (n,) that `losses` returned for these initial weights and ids. T is the length of a sequence."""
    default = {name: values[0] for name, values in OPTIONS.items()}
    tolerance = {rule: _tolerance(theta, ids, T, eta, default | {"rule": rule}) for rule in OPTIONS["rule"]}
    series = {(n, shown): unsmoothed(shown_losses, shown, T // n) * n for n in (1, T) for shown in SHOWN}
    descriptions = faults()["loop"]
    loops = [dict(zip(OPTIONS, values, strict=True)) for values in product(*OPTIONS.values())]
    longest, fewest, excluded = 0, 2, set[tuple[int, tuple[str, ...]]]()
    matching: list[tuple[dict[str, str], str]] = []
    for count, o in sorted(((len(_wrong(o)), o) for o in loops), key=lambda pair: pair[0]):
        if count > fewest or (matching and not fewest):
            break
        sooner = o["loss"] == "after the step"  # then each loss shows its own update
        heads = [(n, tuple(v for name, v in o.items() if EFFECT.get(name, 1) - sooner <= n)) for n in range(EPOCH + 1)]
        if any(head in excluded for head in heads):  # up to loss n, it equals a loop that differs there
            continue
        allowed = tolerance[o["rule"]]
        agree, shown = _agreement(losses(theta, ids, T, eta, o), series, allowed)
        longest = max(longest, agree)
        if agree < len(allowed):
            excluded.update(head for head in heads if head[0] == agree)
        elif (total := count + (shown in descriptions)) <= fewest:
            matching = [*(matching if total == fewest else []), (o, shown)]
            fewest = total
    if not matching:
        raise Unreadable(
            f"the program's losses are those of no known loop from update {longest + 1} on: "
            "compare its gradients, steps, targets and states, and whether its optimiser keeps its memory"
        )
    o, shown = matching[0]
    allowed = tolerance[o["rule"]]
    if len(allowed) <= EPOCH:
        raise Unreadable("with this eta, rounding errors grow too fast to compare a whole epoch; try a smaller eta")
    about = f"{o['rule']}, eta {eta or RULES[o['rule']][0]:g}; {len(allowed)} losses compared"
    if fewest:
        messages = dict.fromkeys(
            "; and ".join(descriptions[k] for k in (*_wrong(o), shown) if k in descriptions) for o, shown in matching
        )
        return Verdict("losses", WRONG, about, (Finding(tuple(messages)),))
    notes = [f"{name}: {value}" for name, value in o.items() if name != "rule" and value != default[name]]
    notes += [f"it returns the {shown}"] * (shown != "loss")
    return Verdict("losses", RIGHT, about, (), (f"no fault: {'; '.join(notes)}",) * bool(notes))


def _agreement(
    losses_of_loop: Iterator[float], series: Mapping[tuple[int, str], Array], allowed: Sequence[float]
) -> tuple[int, str]:
    """Return how many losses of a loop agree with the program's, and the entry of SHOWN for which most agree.

    `series` has the program's losses, one array for each reading of its values. `allowed` are relative differences.
    """
    alive = list(series)
    for n, (loss, near) in enumerate(zip(losses_of_loop, allowed, strict=False)):
        bounds = {key: max(near, SMOOTHED * (key[1] != "loss")) * abs(loss) for key in alive}
        left = [key for key in alive if abs(series[key][n] - loss) <= bounds[key]]
        if not left:
            return n, alive[0][1]
        alive = left
    return len(allowed), alive[0][1]


def _wrong(o: Mapping[str, str]) -> list[str]:
    """Return the values of the options `o` that are faults. They are keys of `loop` in faults.toml."""
    return [value for value in o.values() if value in faults()["loop"]]


def _tolerance(theta: Weights, ids: Array, T: int, eta: float | None, o: Mapping[str, str]) -> list[float]:
    """Return the relative difference that rounding may cause at each update, up to the last one below TRUSTED."""
    twin = {name: value * (1 + CHANGE) for name, value in theta.items()}
    usual, of_twin = (np.array(list(islice(losses(start, ids, T, eta, o), UPDATES))) for start in (theta, twin))
    allowed = np.maximum(1e-5, 30 * np.maximum.accumulate(abs(usual - of_twin) / usual))
    return [float(near) for near in allowed if near < TRUSTED]
