"""The verdicts on `following` and `sample`: the distribution after a character, and characters drawn from it.

A text is compared with the distributions that the right network has along the same text. The number of times that a
character occurs, minus the sum of its probabilities, is a martingale, and Freedman's inequality bounds a martingale. So
a right sampler fails for one set of texts with a probability below 1e-6. It is judged wrong only if two sets fail.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rnncheck.backward import Weights, forward
from rnncheck.cases import About, M, generator, weights
from rnncheck.forward import NEAR
from rnncheck.results import array, fitted, parts
from rnncheck.verdicts import AGAIN, RIGHT, WRONG, Array, CallResults, Finding, Unreadable, Verdict, same, sentence

LENGTH, SHORT, TEXTS = 3000, 3, 1000  # characters of a long text, of a short one; number of short ones
ERROR = 1e-6
Model = Callable[[Weights, Array, int, Sequence[Array]], list[Array]]  # weights, h, first id, texts → p (n, K) of each


def following_calls(about: About) -> list[dict[str, Any]]:
    """Return the arguments of all calls of `following`. Each call is made twice, to show a state that is kept."""
    rng, calls = generator(5, about.seed), []
    for x in rng.integers(0, about.K, 5):
        theta, h = weights(about.m, about.K, 0.5, rng), np.tanh(rng.standard_normal(about.m))
        calls += 2 * [{"weights": theta, "h": h, "x": int(x)}]
    return calls


def judge_following(about: About, call_results: CallResults, eta: float | None) -> Verdict:
    """Return the verdict: compare the distributions and states that `following` returns with the right ones."""
    calls, results = following_calls(about), list[list[Array]]()
    for call, value in zip(calls, call_results(0, len(calls)), strict=True):
        s = forward(call["weights"], call["h"], np.array([call["x"]]), np.array([0]))
        rights = (("p", s.p[0]), ("h", s.h[1]))
        results.append([fitted(v, r.shape, n)[0] for v, (n, r) in zip(parts(value, "p, h"), rights, strict=True)])
        for array_, (name, right) in zip(results[-1], rights, strict=True):
            if not abs(array_ - right).max() <= NEAR:
                message = f"the {name} that it returns begins with {array_[0]:.6g}, not with {right[0]:.6g}"
                return Verdict("following", WRONG, name, (Finding((message,), f"{name}_t", named=False),))
    if not all(same(first, second) for first, second in zip(results[::2], results[1::2], strict=True)):
        raise Unreadable(AGAIN)
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
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    return _each(model)


def _used(theta: Weights, h: Array, first: int, texts: Sequence[Array]) -> list[Array]:
    inputs = np.concatenate([np.append(first, text[:-1]) for text in texts])
    return [forward(theta, h, inputs, np.concatenate(texts)).p]


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
    """Return whether the model may have drawn the texts, which continue from the state h (m,) and the id `first`.

    The result is False if a frequency is beyond the bound that the module docstring describes.
    """
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


def sample_calls(about: About) -> list[dict[str, Any]]:
    """Return the arguments of the calls of `sample`. A set has two calls: for a long text, and for many short ones.

    The second set is equal, and is judged only if the first one fails.
    """
    rng = generator(6, about.seed)
    same_arguments = {"weights": weights(M, 5, 0.8, rng), "h": np.tanh(2 * rng.standard_normal(M)), "x": 2}
    return 2 * [same_arguments | {"n": n, "texts": texts} for n, texts in ((LENGTH, 1), (SHORT, TEXTS))]


def judge_sample(about: About, results: CallResults, eta: float | None) -> Verdict:
    """Return the verdict: compare the texts that `sample` draws with the distributions of the network."""
    call = sample_calls(about)[0]
    theta, h, first = call["weights"], call["h"], call["x"]
    for attempt in (0, 2):
        long, short = results(attempt, attempt + 2)
        texts = [*_texts(long, 1, LENGTH, first), *_texts(short, TEXTS, SHORT, first)]
        if all(text[0] == first for text in texts):  # the program counts the first character among the n
            texts = [text[1:] for text in texts]
        likeliest = fit(theta, h, first, texts, FAULTS["likeliest"][0])
        fixed = not likeliest and len({tuple(text) for text in texts[1:]}) == 1
        texts = texts[:1] if fixed else texts
        if fit(theta, h, first, texts, _power(1)):
            if fixed and not results.reseeded:
                return Verdict("sample", WRONG, "", (Finding((sentence({"sample": "fixed_seed"}),)),))
            note = "every text is the same: the function, or a constructor, seeds np.random or random in every call"
            return Verdict("sample", RIGHT, notes=(note,) * fixed)
    explaining = [key for key, models in FAULTS.items() if any(fit(theta, h, first, texts, model) for model in models)]
    message = "in two sets of texts, the characters do not have the frequencies of the network's distribution"
    sentences = tuple(sentence({"sample": key}) for key in explaining) or (message,)
    return Verdict("sample", WRONG, "", (Finding(sentences, named=bool(explaining)),))


def _texts(value: Any, count: int, n: int, first: int) -> list[Array]:
    """Return `count` texts of n ids. If each text has n + 1 ids and begins with the id `first`, that id is removed.

    Raises Unreadable if a text has another length, or an id is not from 0 to 4.
    """
    texts = array(value, "the text of sample")
    if texts.size not in (count * n, count * (n + 1)):
        raise Unreadable(f"sample returns a text of the wrong length; n = {n} ids are needed")
    texts = texts.reshape(count, -1)
    texts = texts[:, 1:] if texts.shape[1] == n + 1 and (texts[:, 0] == first).all() else texts
    if texts.shape[1] != n or not np.isin(texts, range(5)).all():
        raise Unreadable(f"the text of sample does not have n = {n} ids from 0 to 4")
    return list(texts.astype(int))
