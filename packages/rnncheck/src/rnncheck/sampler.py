"""The verdicts on `following` and `sample`: the distribution after a character, and characters drawn from it.

A text is compared with the distributions that the right network has along this very text: how often a character
follows, minus the sum of its probabilities, is a martingale. Freedman's inequality bounds it, so a right sampler is
accused with a probability below 1e-6, and only after a second set of texts.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from charloom.core.base.types import Array
from rnncheck.backward import Weights, forward
from rnncheck.cases import K, M, weights
from rnncheck.gradient import NEAR, WRONG_FORWARD, decoded, encoded, fitted
from rnncheck.process import Student, Unreadable
from rnncheck.verdicts import RIGHT, WRONG, Finding, Verdict, sentence

LENGTH, SHORT, TEXTS = 3000, 3, 1000  # characters of a long text, of a short one; number of short ones
ERROR = 1e-6
Model = Callable[[Weights, Array, int, Sequence[Array]], list[Array]]  # weights, h, first id, texts → p (n, K) of each


def following(student: Student) -> Verdict:
    """Call the program's `following`, and compare distribution and state."""
    rng = np.random.default_rng(5)
    cases = [(weights(M, K, 0.5, rng), np.tanh(rng.standard_normal(M)), int(x)) for x in rng.integers(0, K, 5)]
    (answer,) = student.call("following", [[encoded(value) for value in case] for case in cases])
    if answer.error:
        raise Unreadable(answer.error)
    for (theta, h, x), value in zip(cases, answer.values, strict=True):
        if not isinstance(value, list) or len(value) != 2:
            raise Unreadable("it does not return p, h")
        s = forward(theta, h, np.array([x]), np.array([0]))
        for name, given, right in (("p", value[0], s.p[0]), ("h", value[1], s.h[1])):
            array, _ = fitted(given, right.shape, name)
            if not abs(array - right).max() <= NEAR:
                says = f"its {name} begins with {array[0]:.6g}, not with {right[0]:.6g}"
                return Verdict("following", WRONG, name, (Finding((says,), WRONG_FORWARD, named=False),))
    return Verdict("following", RIGHT)


def _read(theta: Weights, h: Array, first: int, text: Array) -> Array:
    return forward(theta, h, np.append(first, text[:-1]), text).p


def _twice(theta: Weights, h: Array, first: int, text: Array) -> Array:
    return forward(theta, h, np.append([first, first], text[:-1]), np.append(first, text)).p[1:]


def _each(model: Callable[[Weights, Array, int, Array], Array]) -> Model:
    return lambda theta, h, first, texts: [model(theta, h, first, text) for text in texts]


def _power(exponent: float) -> Model:
    def model(theta: Weights, h: Array, first: int, text: Array) -> Array:
        p = _read(theta, h, first, text)
        powers: Array = (p / p.max(axis=1, keepdims=True)) ** exponent
        powers /= powers.sum(axis=1, keepdims=True)
        return powers

    return _each(model)


def _used(theta: Weights, h: Array, first: int, texts: Sequence[Array]) -> list[Array]:
    p: list[Array] = []
    for text in texts:
        s = forward(theta, h, np.append(first, text[:-1]), text)
        p, h = [*p, s.p], s.h[-1]
    return p


FAULTS: dict[str, Sequence[Model]] = {
    "likeliest": [_power(1000)],
    "uniform": [_power(0)],
    "temperature": [_power(2), _power(0.5)],
    "fixed_input": [_each(lambda theta, h, first, text: _read(theta, h, first, np.full_like(text, first)))],
    "h_ignored": [_each(lambda theta, h, first, text: _read(theta, 0 * h, first, text))],
    "state_lost": [
        _each(lambda w, h, first, text: np.array([_read(w, h, i, text[:1])[0] for i in np.append(first, text[:-1])]))
    ],
    "first_twice": [_each(_twice)],
    "used_state": [_used],
}


def fit(theta: Weights, h: Array, first: int, texts: Sequence[Array], model: Model) -> bool:
    """Return whether the texts, which all start from h and the first id, can be the model's."""
    p, eye = np.concatenate(model(theta, h, first, texts)), np.eye(len(theta["c"]))
    surplus, variance = eye[np.concatenate(texts)] - p, p * (1 - p)
    before = np.concatenate([np.append(first, text[:-1]) for text in texts])
    position = np.concatenate([np.arange(len(text)) for text in texts])
    groups = [before == i for i in range(len(eye))] + [position == t for t in range(SHORT)] + [position >= SHORT]
    bits = math.log(2 * len(groups) * len(eye) / ERROR)
    for group in groups:
        bound = bits / 3 + np.sqrt((bits / 3) ** 2 + 2 * bits * variance[group].sum(axis=0))
        if (abs(surplus[group].sum(axis=0)) > bound).any():
            return False
    return True


def sample(student: Student) -> Verdict:
    """Let the program draw texts, and compare them with its distributions."""
    rng = np.random.default_rng(6)
    theta, h, first = weights(M, 5, 0.8, rng), np.tanh(2 * rng.standard_normal(M)), 2
    lengths = [LENGTH, *[SHORT] * TEXTS]
    for attempt in range(2):
        seeds = range(10_000 * attempt, 10_000 * attempt + len(lengths))
        given = [encoded(theta), encoded(h), first]
        (answer,) = student.call("sample", [[*given, n, {"rng": seed}] for n, seed in zip(lengths, seeds, strict=True)])
        if answer.error:
            raise Unreadable(answer.error)
        texts = [_text(value, n, first) for value, n in zip(answer.values, lengths, strict=True)]
        if all(text[0] == first for text in texts):  # the program counts the first character among the n
            texts = [text[1:] for text in texts]
        if fit(theta, h, first, texts, _power(1)):
            return Verdict("sample", RIGHT)
    named = [key for key, models in FAULTS.items() if any(fit(theta, h, first, texts, model) for model in models)]
    says = "its characters do not have the frequencies of the network's distribution, in two sets of texts"
    if len({tuple(text) for text in texts[1:]}) == 1 and named != ["likeliest"]:
        says, named = "every text is the same: it seeds a generator of its own, or does not draw at random", []
    sentences = tuple(sentence({"sample": key}) for key in named) or (says,)
    return Verdict("sample", WRONG, "", (Finding(sentences, "src/charloom/sampling/writing.py", bool(named)),))


def _text(value: object, n: int, first: int) -> Array:
    """Return the text of n ids. The first id may stand before it. Raises Unreadable."""
    text = decoded(value, "its text").ravel()
    text = text[1:] if len(text) == n + 1 and text[0] == first else text
    if len(text) != n or not all(i in range(5) for i in text):
        raise Unreadable(f"it does not return {n} ids")
    return text.astype(int)
