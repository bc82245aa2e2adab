"""A request for text, from a command line or through a server: numbers, and a prime to go on from."""

import math
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import numpy as np

from charloom.checkpoint import Model
from charloom.errors import WrongInput
from charloom.rnn import Array
from charloom.sampling import BLOCK, ON_DEMAND, Choice, blocks, stream
from charloom.scoring import score
from charloom.vocabulary import Vocabulary

SHOWN = 20  # characters that a message names
MOST = 1_000_000  # characters that are read and written for one request through a server: seconds of work

# What a number has to be, by its name: its type, a check, and the check in words.
ALLOWED: dict[str, tuple[type[int] | type[float], Callable[[Any], bool], str]] = {
    "length": (int, lambda n: 0 <= n < 10**15, "a whole number from 0, of at most 15 digits"),
    "temperature": (float, lambda t: 0 <= t < math.inf, "a number from 0; 0 takes the likeliest character"),
    "top_k": (int, lambda k: 0 <= k < 10**15, "a whole number from 0; 0 leaves all characters"),
    "top_p": (float, lambda p: 0 < p <= 1, "a number above 0 and at most 1; 1 leaves all characters"),
    "seed": (int, lambda n: 0 <= n < 10**15, "a whole number from 0, of at most 15 digits"),
    "samples": (int, lambda n: 0 < n < 10**6, "a whole number from 1 to 999,999"),
    "top": (int, lambda n: 0 < n < 10**6, "a whole number from 1 to 999,999"),
    "port": (int, lambda n: 1024 <= n < 2**16, "a whole number from 1024 to 65535"),
}


def allowed(name: str, given: str | float, shown: str = "") -> Any:
    """Return the number that is given, as itself or in words. Raises WrongInput, under the name that is shown."""
    kind, check, words = ALLOWED[name]
    try:
        value = kind(given)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not check(value):
        what = str(given) if str(given).isprintable() else ascii(given)
        raise WrongInput(f"{shown or name}: {what} is not allowed: {words}")
    return value


def named(characters: str) -> str:
    """Return the distinct characters, each quoted and in ASCII, and how often it occurs where that is not once."""
    different = sorted(set(characters))
    each = [ascii(c) + (f" {n:,} times" if (n := characters.count(c)) > 1 else "") for c in different[:SHOWN]]
    return ", ".join(each) + (f" and {len(different) - SHOWN:,} more" if len(different) > SHOWN else "")


def known(vocabulary: Vocabulary, prime: Any, name: str) -> tuple[str, str]:
    """Return the prime's characters that the vocabulary has, and the others.

    Raises WrongInput, under the name, where there is nothing to go on from.
    """
    if not isinstance(prime, str):
        raise WrongInput(f"{name}: {prime!r} is not allowed: a text")
    if not prime:
        raise WrongInput(f"{name}: an empty text is not allowed: there is nothing to go on from")
    _, inside, outside = vocabulary.part(prime)
    if not inside:
        raise WrongInput(f"{name}: no character of it is in the vocabulary of this model: {named(outside)}")
    return inside, outside


def primed(model: Model, prime: str) -> tuple[Array, int]:
    """Return the state (m,) after reading all of the prime but its last character, and that one's id."""
    ids = model.vocabulary.encode(prime)
    return score(model.theta, ids, np.zeros(model.theta.m)).h, int(ids[-1])


def answer(model: Model, primes: list[Any], given: Mapping[str, Any]) -> list[str]:
    """Return each prime with what the model writes after it: of equal primes what `charloom sample --samples` prints.

    `given` are length, temperature, top_k, top_p and seed. Raises WrongInput.
    """
    number = {name: allowed(name, value) for name, value in given.items()}
    length, choice = number["length"], Choice(number["temperature"], number["top_k"], number["top_p"])
    texts = [known(model.vocabulary, prime, "prime")[0] for prime in primes]
    if not texts:
        return []
    if sum(map(len, texts)) + len(texts) * max(length, BLOCK) > MOST:
        raise WrongInput(
            f"length: {length} for {len(texts):,} primes is not allowed: up to {MOST:,} characters are read and "
            f"written for a request, at least {BLOCK} for each prime"
        )
    h, first = zip(*(primed(model, text) for text in texts), strict=True)
    random = [stream(number["seed"], ON_DEMAND, model.update, row) for row in range(len(texts))]
    written = islice(blocks(model.theta, np.stack(h), np.array(first), random, choice), -(-length // BLOCK))
    following = np.concatenate([np.empty((len(texts), 0), int), *(ids for ids, _ in written)], axis=1)[:, :length]
    return [text + model.vocabulary.decode(ids.tolist()) for text, ids in zip(texts, following, strict=True)]
