"""The difference of two models' costs of one text, as a sum over its characters, and the parts of this sum.

A cost is the −log₂ of the probability that a model gave to a character. A text of n + 1 ids has n costs, because the
first id is not predicted. A share is the sum of the costs of some characters, divided by n, in bits per character: so
the shares of all characters add up to the cost of the text.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np

from charloom.core.base.types import Array
from charloom.core.config.records import PASSAGES
from charloom.core.model.model_file import Model
from charloom.core.model.scoring import Score, score
from charloom.core.network.logarithm import LN2
from charloom.core.network.rnn import forward, log_softmax
from charloom.core.text.corpus import Text
from charloom.sampling.quality import WORD
from charloom.sampling.writing import ON_DEMAND, Choice, characters, random_stream
from seedpairs.statistics import critical, moments

FEWEST = 5  # seeds for an interval
LEVEL = 0.95
COUNTED = 10_000_000  # most characters of the training text in which words are counted
PLACES = (
    "first letter of a word", "second letter", "later letter", "capital letter", "digit", "space", "line break",
    "punctuation and others",
)  # fmt: skip
FREQUENCIES = ("never", "1 to 9 times", "10 to 99 times", "100 to 999 times", "1,000 times or more", "outside words")
LONG, MOST = 120, 5  # characters of a passage, passages of each kind
WORDS = 12  # most words of each kind
LIKELIEST = 3
STREAMS, WRITTEN = 10, 300  # random streams of which one is shown, and characters that are written

Guesses = list[tuple[str, float]]  # characters with their probabilities
Labels = tuple[Sequence[str], Array]  # names of parts, and for each cost the index of its part (n,)


class Share(NamedTuple):
    """A part of the text, and its share of both costs, in bits per character.

    characters  number of characters
    difference  b − a
    half        two runs that differ only in the seed differ by less than `half` with probability LEVEL; None if fewer
                than FEWEST seeds are known
    """

    name: str
    characters: int
    a: float
    b: float
    difference: float
    half: float | None

    @property
    def beyond_chance(self) -> bool:
        """Return whether the difference exceeds `half`, so that it is hardly chance; False if `half` is None."""
        return self.half is not None and abs(self.difference) > self.half


class Passage(NamedTuple):
    """A part of the held-out text: the index of its first predicted character, and its length."""

    start: int
    length: int

    @property
    def characters(self) -> slice:
        """Return the place of the characters in the text."""
        return slice(self.start, self.start + self.length)

    @property
    def costs(self) -> slice:
        """Return the place of their costs: the first character of the text has none."""
        return slice(self.start - 1, self.start - 1 + self.length)


class Word(NamedTuple):
    """A word, how often it occurs in the held-out text, and B's cost minus A's of all its characters, in bits."""

    word: str
    occurrences: int
    bits: float


class Fork(NamedTuple):
    """The first character at which two models, with the same random numbers, write different texts.

    stream  number of the random stream
    common  the text that both models write before this character
    drawn   the random number, in [0, 1), by which both models choose this character
    p       (2, K) the probabilities of the K characters at this place by A's model, and by B's
    texts   the texts that A's and B's model write, from this character on
    """

    stream: int
    common: str
    drawn: float
    p: Array
    texts: tuple[str, str]


def read_text(model: Model, ids: Array) -> Score:
    """Return the score of a text (n + 1 ids) by the model: n costs in nats, as `charloom score` computes them."""
    return score(model.theta, ids, model.h, model.backend)


def half_width(values: Sequence[float]) -> float | None:
    """Return t · s · √2: two runs that differ only in the seed differ by less, with probability LEVEL.

    t and s are the quantile of Student's t and the standard deviation of the values.

    values  a value for each of several seeds of one setting; if there are fewer than FEWEST, the result is None
    """
    sd = moments(values).sd
    return None if sd is None or len(values) < FEWEST else critical(len(values), 1 - LEVEL) * sd * 2**0.5


def shares(parts: Labels, a: Array, b: Array, seeds: Sequence[Array] = ()) -> list[Share]:
    """Return the share of each part that has characters.

    parts  the parts, and the part of each cost
    a, b   costs (n,) by the two models, in nats
    seeds  costs (n,) by each model of A's setting with another seed, in nats
    """
    names, index = parts
    count = np.bincount(index, minlength=len(names))

    def of(nats: Array) -> Array:  # added in order: the same bits on every processor
        return np.bincount(index, nats, len(names)) / len(nats) / LN2

    ours, theirs, others = of(a), of(b), [of(nats) for nats in seeds]
    halves = [half_width([float(own[k]) for own in others]) for k in range(len(names))]
    rows = zip(names, count.tolist(), ours.tolist(), theirs.tolist(), (theirs - ours).tolist(), halves, strict=True)
    return [Share(*row) for row in rows if row[1]]


def by_place(text: str) -> Labels:
    """Return the kind in PLACES of each character but the first: a letter's place in its word, or digit, space etc."""
    index, place = np.empty(len(text), np.int64), 0
    kinds = {character: _kind(character) for character in set(text)}
    for n, character in enumerate(text):
        kind = kinds[character]
        index[n] = min(place, 2) if kind == 0 else kind
        place = place + 1 if kind in {0, 3} else 0
    return PLACES, index[1:]


def _kind(character: str) -> int:
    """Return the index in PLACES of a character, whatever its place in a word; 0 for a small letter."""
    if WORD.match(character):
        return 3 if character.isupper() or character.istitle() else 0
    return 6 if character == "\n" else 5 if character.isspace() else 4 if character.isdecimal() else 7


def by_frequency(text: str, training: str) -> Labels:
    """Return a part in FREQUENCIES for each character but the first: how often its word occurs in `training`."""
    counts = Counter(WORD.findall(training))
    index = np.full(len(text), len(FREQUENCIES) - 1)
    for word in WORD.finditer(text):
        count = counts[word[0]]
        index[slice(*word.span())] = len(str(min(count, 1000))) if count else 0
    return FREQUENCIES, index[1:]


def by_block(n: int) -> Labels:
    """Return the block to which each of n costs belongs: PASSAGES blocks of about equal length."""
    bounds = [n * part // PASSAGES for part in range(PASSAGES + 1)]
    names = [f"{start + 2:,} to {end + 1:,}" for start, end in pairwise(bounds)]
    return names, np.repeat(np.arange(PASSAGES), np.diff(bounds))


def passages(differences: Array, text: str) -> tuple[list[Passage], list[Passage]]:
    """Return the passages that gain most, and the passages that lose most; the largest gain or loss comes first.

    A passage gains if it costs less by B's model than by A's. It has LONG characters, and begins after white space if
    the text has some. Passages do not overlap.

    differences  (n,) B's cost minus A's of each character but the first
    text         the n + 1 characters
    """
    length = min(LONG, len(differences))
    total = np.concatenate(([0.0], np.cumsum(differences)))
    sums, kinds = total[length:] - total[:-length], []
    free = np.array([character.isspace() for character in text[: len(sums)]])
    free = free if free.any() else np.ones(len(sums), bool)
    for sign in (1, -1):
        chosen = list[Passage]()
        while len(chosen) < MOST and (sign * sums[free] < 0).any():
            start = int(np.where(free, sign * sums, np.inf).argmin())
            free[max(start - length + 1, 0) : start + length] = False
            chosen.append(Passage(start + 1, length))
        kinds.append(chosen)
    return kinds[0], kinds[1]


def likeliest(model: Model, ids: Array, chosen: Sequence[Passage]) -> list[list[Guesses]]:
    """Return the LIKELIEST characters at each place of each passage, with their probabilities by the model.

    ids     the whole text
    chosen  the passages, in the order of the result
    """
    h, read, rows = model.h, 0, dict[Passage, list[Guesses]]()
    for passage in sorted(chosen):  # one reading for all
        first = passage.start - 1
        h, read = score(model.theta, ids[read : first + 1], h, model.backend).h, first
        p = np.exp(log_softmax(forward(model.theta, ids[first : first + passage.length], h)[1]))
        best = np.argsort(-p, axis=1, kind="stable")[:, :LIKELIEST]
        rows[passage] = [[(model.vocabulary.characters[k], float(p[t, k])) for k in top] for t, top in enumerate(best)]
    return [rows[passage] for passage in chosen]


def words(text: str, a: Array, b: Array, seeds: Sequence[Array] = ()) -> tuple[list[Word], list[Word]]:
    """Return the words that cost less by B's model than by A's, and the words that cost more, largest difference first.

    A word counts only if the difference keeps its sign with the model of each other seed in place of A's.

    text         the n + 1 characters
    a, b, seeds  costs (n,), in nats: see `shares`
    """
    spans: dict[str, list[tuple[int, int]]] = {}
    for match in WORD.finditer(text):
        if match.start():  # the first character has no cost
            spans.setdefault(match[0], []).append((match.start() - 1, match.end() - 1))
    sums = [np.concatenate(([0.0], np.cumsum((b - own) / LN2))) for own in (a, *seeds)]
    rows = list[Word]()
    for word, places in spans.items():
        starts, ends = np.array(places).T
        bits = [float((total[ends] - total[starts]).sum()) for total in sums]
        if bits[0] and all(value * bits[0] > 0 for value in bits):
            rows.append(Word(word, len(places), bits[0]))
    rows.sort(key=lambda row: (row.bits, row.word))
    return [row for row in rows[:WORDS] if row.bits < 0], [row for row in rows[: -WORDS - 1 : -1] if row.bits > 0]


def fork(a: Model, b: Model, first: int) -> Fork | None:
    """Let two models read the id `first`, each from its own state, and write; return the fork of their texts.

    Both write with the same random numbers. The fork is from that one of STREAMS random streams with the longest common
    text. The result is None if no texts differ.
    """
    texts = list[tuple[int, int, list[list[int]]]]()
    for stream in range(STREAMS):
        both = [_written(model, first, stream) for model in (a, b)]
        if at := next((n for n, pair in enumerate(zip(*both, strict=True), 1) if pair[0] != pair[1]), 0):
            texts.append((at - 1, -stream, both))
    if not texts:
        return None
    at, minus, both = max(texts, key=lambda row: row[:2])
    read = np.array([first, *both[0][:at]])
    p = np.stack([np.exp(log_softmax(forward(model.theta, read, model.h)[1][-1:]))[0] for model in (a, b)])
    numbers = random_stream(1, ON_DEMAND, 0, -minus).random(at + 1)
    decode = a.vocabulary.decode
    return Fork(-minus, decode(both[0][:at]), float(numbers[at]), p, (decode(both[0][at:]), decode(both[1][at:])))


def _written(model: Model, first: int, stream: int) -> list[int]:
    own = Model(model.theta, model.h, first, model.vocabulary, 0, 0.0, model.backend)
    return list(islice(characters(own, Choice(1.0), random_stream(1, ON_DEMAND, 0, stream)), WRITTEN))


def first_difference(a: Mapping[int, float], b: Mapping[int, float]) -> int | None:
    """Return the first update at which both curves have a value and the values differ; None if there is none."""
    return next((update for update in sorted(a.keys() & b.keys()) if a[update] != b[update]), None)


def divisions(text: Text, held_out: str) -> dict[str, Labels]:
    """Return three divisions of the held-out characters into parts, by title: see Labels."""
    training = text.vocabulary.decode(text.training[-COUNTED:])
    return {
        "By place in the word": by_place(held_out),
        "By the number of times that the training text has the word": by_frequency(held_out, training),
        "By block of the held-out text": by_block(len(held_out) - 1),
    }
