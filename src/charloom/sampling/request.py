"""Requests for text, from a command line or to a server: a model continues a given text, the prime."""

import reprlib
from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np

from charloom.core.base.errors import WrongInput
from charloom.core.base.terminal import listed_characters
from charloom.core.base.types import Array
from charloom.core.model.model_file import Model
from charloom.core.model.scoring import score
from charloom.core.network.state import BLOCK
from charloom.core.text.vocabulary import Vocabulary
from charloom.sampling.options import allowed
from charloom.sampling.writing import ON_DEMAND, Choice, blocks, random_stream

REQUEST_LIMIT = 1_000_000  # characters read and written for one request to a server: seconds of work


def split_prime(vocabulary: Vocabulary, prime: Any, name: str) -> tuple[str, str]:
    """Return two texts: the prime's characters that are in the vocabulary, in order, and its other characters.

    name  the option's name for the message

    Raises WrongInput if the prime is not a text, is empty, or has no character in the vocabulary.
    """
    if not isinstance(prime, str):
        raise WrongInput(f"{name}: {reprlib.repr(prime)} is not allowed; allowed is a text")
    if not prime:
        raise WrongInput(f"{name}: an empty text is not allowed: there is no text to continue")
    _, inside, outside = vocabulary.part(prime)
    if not inside:
        raise WrongInput(f"{name}: none of these characters is in the model's vocabulary: {listed_characters(outside)}")
    return inside, outside


def primed(model: Model, prime: str) -> tuple[Array, int]:
    """Return the state (m,) after reading all of the prime but its last character, and the id of that character.

    The model reads from its own state h. The prime must have at least one character, all from the vocabulary.
    """
    ids = model.vocabulary.encode(prime)
    return score(model.theta, ids, model.h, model.backend).h, int(ids[-1])


def continue_primes(model: Model, primes: list[Any], options: Mapping[str, Any]) -> list[str]:
    """Return the primes, each followed by the text that the model writes.

    Characters outside the vocabulary are removed from the primes.

    options  the values of all five options: length, temperature, top_k, top_p and seed

    The random stream of a prime depends on the seed and on the prime's index. So n equal primes get the n texts that
    `charloom sample --samples n` prints. Raises WrongInput if an option or a prime is not allowed, or the request
    exceeds REQUEST_LIMIT characters.
    """
    number = {name: allowed(name, value) for name, value in options.items()}
    length, choice = number["length"], Choice(number["temperature"], number["top_k"], number["top_p"])
    if not primes:
        return []
    read = sum(len(prime) for prime in primes if isinstance(prime, str))
    if read + len(primes) * max(length, BLOCK) > REQUEST_LIMIT:  # checked before any prime is read
        raise WrongInput(
            f"length: {length} for {len(primes):,} primes: a request may read and write up to {REQUEST_LIMIT:,} "
            f"characters, and a length below {BLOCK} counts as {BLOCK}; set a smaller length or send less text"
        )
    texts = [split_prime(model.vocabulary, prime, "prime")[0] for prime in primes]
    h, first = zip(*(primed(model, text) for text in texts), strict=True)
    random = [random_stream(number["seed"], ON_DEMAND, model.update, row) for row in range(len(texts))]
    written = islice(
        blocks(model.theta, np.stack(h), np.array(first), random, choice, model.backend), -(-length // BLOCK)
    )
    following = np.concatenate([np.empty((len(texts), 0), int), *(ids for ids, _ in written)], axis=1)[:, :length]
    return [text + model.vocabulary.decode(ids) for text, ids in zip(texts, following, strict=True)]
