"""The difference of two models' costs as a sum over characters, its parts, and the forks of samples."""

import math
import statistics
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import TEXT

from charloom.core.model.model_file import Model
from charloom.core.model.scoring import score
from charloom.core.network.logarithm import LN2
from charloom.core.network.recipe import KERNEL
from charloom.core.network.rnn import forward, init, log_softmax
from charloom.core.text.corpus import Text
from charloom.core.text.vocabulary import Vocabulary
from charloom.two_runs import costs

HELD_OUT = "Ishmael sees 3 whales.\n\tThe whales — and 42 Ships — see «Ishmael» and the sea_sea. " * 9
VOCABULARY = Vocabulary("".join(sorted({*TEXT, *HELD_OUT})))
IDS = VOCABULARY.encode(HELD_OUT)
SAMPLES = st.text(st.sampled_from("abcDÉ3 \n.—_"), min_size=2, max_size=60)


def model(seed, sigma=0.5, m=6):
    rng = np.random.default_rng(seed)
    theta = init(m, len(VOCABULARY), sigma, rng)
    return Model(theta, np.tanh(np.random.default_rng(seed + 1).normal(size=m)), 0, VOCABULARY, 0, 0.0, KERNEL)


MODELS = [model(seed) for seed in range(7)]
NATS = [costs.read_text(own, IDS).nats for own in MODELS]


@given(st.integers(0, 6), st.integers(0, 6), SAMPLES, SAMPLES)
def test_the_shares_of_each_division_add_up_to_the_difference_of_two_scores(a, b, text, training):
    whole = VOCABULARY.part(text)[1] + HELD_OUT
    ids = VOCABULARY.encode(whole)
    scores = [score(MODELS[k].theta, ids, MODELS[k].h, KERNEL) for k in (a, b)]
    bits = [own.total / (len(ids) - 1) / LN2 for own in scores]
    corpus = Text(VOCABULARY, VOCABULARY.encode(VOCABULARY.part(training)[1]), ids)
    for labels in costs.divisions(corpus, whole).values():
        rows = costs.shares(labels, scores[0].nats, scores[1].nats)
        assert sum(row.difference for row in rows) == pytest.approx(bits[1] - bits[0], abs=1e-9)
        assert sum(row.characters for row in rows) == len(ids) - 1
        assert not any(row.beyond_chance for row in rows)


def test_costs_are_those_of_the_score_to_the_last_bit():
    own = score(MODELS[0].theta, IDS, MODELS[0].h, KERNEL)
    assert (costs.read_text(MODELS[0], IDS).nats == own.nats).all()
    assert costs.read_text(MODELS[0], IDS).total == own.total


def test_an_interval_is_students_for_the_difference_of_two_runs_and_needs_five_seeds():
    values = [2.0, 2.5, 3.5, 2.25, 2.75]
    assert costs.half_width(values) == pytest.approx(2.7764451 * statistics.stdev(values) * math.sqrt(2))
    assert costs.half_width(values[:4]) is None
    assert costs.half_width([]) is None


def test_two_runs_that_differ_in_the_seed_leave_their_interval_in_one_of_twenty_pairs():
    drawn = np.random.default_rng(1).normal(size=(4000, 7))
    outside = [abs(row[0] - row[1]) > costs.half_width(list(row[2:])) for row in drawn]
    assert np.mean(outside) == pytest.approx(0.05, abs=0.01)


def test_a_share_beyond_the_spread_of_the_seeds_is_no_chance():
    labels = ("first", "second"), np.repeat([0, 1], [3, len(NATS[0]) - 3])
    lower = NATS[0].copy()
    lower[:3] -= 1000.0
    first, second = costs.shares(labels, NATS[0], lower, NATS[1:])
    assert first.beyond_chance
    assert first.difference == pytest.approx(-3000 / len(lower) / LN2)
    assert not second.beyond_chance
    assert second.difference == 0


def test_each_character_has_its_place_in_the_word():
    text = "Ab cde_f\nG3 é²—x"
    names, index = costs.by_place(text)
    short = {name.split()[0]: name for name in names}
    assert len(short) == len(names)
    expected = "second space first second later punctuation first line capital digit space first second punctuation"
    assert [names[k] for k in index] == [short[word] for word in [*expected.split(), "first"]]


def test_each_character_has_the_frequency_of_its_word_in_the_training_text():
    training = "sea " * 12 + "Sea whale " * 3
    names, index = costs.by_frequency("x sea Sea whales", training)
    assert [names[k] for k in index[1:4]] == ["10 to 99 times"] * 3
    assert [names[k] for k in index[5:8]] == ["1 to 9 times"] * 3
    assert [names[k] for k in index[9:]] == ["never"] * 6
    assert names[index[0]] == "outside words"


def test_passages_that_gain_and_lose_most_do_not_overlap_and_begin_words():
    differences = np.random.default_rng(1).normal(size=len(HELD_OUT) - 1)
    kinds = costs.passages(differences, HELD_OUT)
    spans = sorted((own.start, own.start + own.length) for own in (*kinds[0], *kinds[1]))
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert all(HELD_OUT[start - 1].isspace() for start, _ in spans)
    for sign, rows in zip((1, -1), kinds, strict=True):
        sums = [sign * differences[own.start - 1 :][: own.length].sum() for own in rows]
        assert sums == sorted(sums)
        assert sums[-1] < 0
    (only,), none = costs.passages(np.array([-1.0, 0.5]), "abc")
    assert (only, none) == ((1, 2), [])


def test_the_likeliest_characters_of_a_passage_are_those_of_a_pass_over_the_whole_text():
    chosen = [costs.Passage(200, 30), costs.Passage(40, 50)]
    p = np.exp(log_softmax(forward(MODELS[0].theta, IDS[:-1], MODELS[0].h)[1]))
    for passage, rows in zip(chosen, costs.likeliest(MODELS[0], IDS, chosen), strict=True):
        for at, row in enumerate(rows, passage.start):
            top = sorted(range(len(VOCABULARY)), key=lambda k: -p[at - 1, k])[:3]
            assert [character for character, _ in row] == [VOCABULARY.characters[k] for k in top]
            assert [share for _, share in row] == pytest.approx(sorted(p[at - 1], reverse=True)[:3])


def test_a_word_is_listed_with_its_sum_if_its_sign_is_the_same_in_all_seeds():
    better, worse = costs.words(HELD_OUT, NATS[0], NATS[1])
    bits = (NATS[1] - NATS[0]) / LN2
    places = [n for n in range(1, len(HELD_OUT)) if HELD_OUT[n : n + 6] == "whales"]
    (row,) = [row for row in (*better, *worse) if row.word == "whales"]
    assert (row.occurrences, row.bits) == (len(places), pytest.approx(sum(bits[n - 1 : n + 5].sum() for n in places)))
    assert [row.bits for row in better] == sorted(row.bits for row in better)
    for rows, sign in zip(costs.words(HELD_OUT, NATS[0], NATS[1], NATS[2:]), (-1, 1), strict=True):
        for row in rows:
            of_seeds = [costs.words(HELD_OUT, own, NATS[1]) for own in NATS[2:]]
            listed = [{word.word for word in pair[sign > 0]} for pair in of_seeds]
            assert all(row.word in words for words in listed)
    assert costs.words(HELD_OUT, NATS[0], NATS[1], [2 * NATS[1] - NATS[0]]) == ([], [])


@pytest.mark.parametrize("pair", [(0, 1), (2, 3), (4, 5)])
def test_a_fork_is_the_first_character_at_which_one_random_number_draws_two_characters(pair):
    a, b = (MODELS[k] for k in pair)
    fork = costs.fork(a, b, int(IDS[0]))
    assert fork.texts[0][0] != fork.texts[1][0]
    for own, p, text in zip((a, b), fork.p, fork.texts, strict=True):
        read = np.concatenate((IDS[:1], VOCABULARY.encode(fork.common)))
        assert np.exp(log_softmax(forward(own.theta, read, own.h)[1]))[-1] == pytest.approx(p)
        k, sums = VOCABULARY.characters.index(text[0]), np.cumsum(p)
        assert sums[k] - p[k] <= fork.drawn <= sums[k]


def test_equal_models_do_not_fork():
    assert costs.fork(MODELS[0], MODELS[0], 0) is None


def test_the_first_difference_of_two_curves_is_at_an_update_that_both_have():
    assert costs.first_difference({0: 1.0, 1: 2.0, 2: 3.0}, {0: 1.0, 2: 3.5, 3: 1.0}) == 2
    assert costs.first_difference({0: 1.0}, {0: 1.0, 1: 2.0}) is None
