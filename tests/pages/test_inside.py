"""What the page says of a network's inside is what its equations say, on a network of four units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charloom.core.kernel.arrays import forward
from charloom.core.network.rnn import init
from charloom.core.text.corpus import Text
from charloom.pages.experiment.inside import expected, gradient_norms, read_passage
from charloom.pages.experiment.units import best_units, correlations, features

M, K, T = 4, 6, 12
THETA = init(M, K, 0.8, np.random.default_rng(3))
X, Y = np.random.default_rng(4).integers(0, K, (2, T))
H_0 = np.linspace(-0.5, 0.5, M)
TEXT, SPACE = "One “two three” 4.\n5 Six, “seven”", "just read a space or a line’s end"


def loss(inputs, place):
    """Return −log p of what follows the place, in loops, for inputs (T, K) that need not be one-hot."""
    h = list(H_0)
    for t in range(place + 1):
        a = [THETA.b[i] + sum(THETA.W[i, j] * h[j] for j in range(M)) for i in range(M)]
        h = [np.tanh(a[i] + sum(THETA.U[i, k] * inputs[t, k] for k in range(K))) for i in range(M)]
    o = [THETA.c[k] + sum(THETA.V[k, i] * h[i] for i in range(M)) for k in range(K)]
    return np.log(sum(np.exp(each) for each in o)) - o[Y[place]]


def derivative(function, at):
    """Return the gradient of the function at the vector, by complex steps."""
    steps = 1e-30j * np.eye(len(at))
    return np.array([function(at + step).imag / 1e-30 for step in steps])


def test_memory_is_the_gradient_of_one_loss_with_respect_to_each_earlier_input():
    h, _ = forward(THETA, X, H_0)
    onehot, places, back = np.eye(K)[X], np.array([7, 10, 11]), 8
    norms = gradient_norms(THETA, h, Y, places, back)
    for n, place in enumerate(places):
        for k in range(back):
            t = place - k

            def of_input(x, t=t, place=place):
                changed = onehot.astype(complex)
                changed[t] = x
                return loss(changed, place)

            assert norms[n, k] == pytest.approx(np.linalg.norm(derivative(of_input, onehot[t])), rel=1e-10)


def test_expected_characters_are_the_softmax_in_order():
    _, o = forward(THETA, X, H_0)
    for place, row, came in zip(expected(o, Y), o, Y, strict=True):
        total = sum(np.exp(each) for each in row)
        p = {k: np.exp(row[k]) / total for k in range(K)}
        assert place.came == came
        assert place.probability == pytest.approx(p[came])
        likeliest = sorted(p, key=lambda k: -p[k])[:5]
        assert [guess for guess, _ in place.guesses] == likeliest
        assert [q for _, q in place.guesses] == pytest.approx([p[k] for k in likeliest])
    assert expected(np.zeros((1, 2)), np.array([1]))[0].guesses == [(0, 0.5), (1, 0.5)]


def test_a_correlation_is_pearsons_and_none_for_a_constant():
    h, _ = forward(THETA, X, H_0)
    activations = np.column_stack([h[1:], np.ones(T)])
    feature = np.arange(T) % 3.0
    found = correlations(activations, feature)
    for unit in range(M):
        assert found[unit] == pytest.approx(np.corrcoef(activations[:, unit], feature)[0, 1])
    assert found[M] == 0
    assert not correlations(activations, np.ones(T)).any()


def test_a_feature_is_what_is_true_of_each_character_that_is_read():
    found = {name: values.astype(int).tolist() for name, values in features(TEXT).items()}
    inside = "".join("q" if q else "-" for q in found["inside quotes"])
    assert inside == "----qqqqqqqqqq-----" + "-------qqqqqq-"
    assert found["how far into the line"] == [*range(19 - 1), *range(len(TEXT) - 18)]
    assert [TEXT[i] for i, true in enumerate(found["just read a capital"]) if true] == ["O", "S"]
    assert [TEXT[i] for i, true in enumerate(found["just read a digit"]) if true] == ["4", "5"]
    assert [TEXT[i] for i, true in enumerate(found[SPACE]) if true] == list("   \n  ")
    assert found["how far into the word"][:8] == [0, 1, 2, 0, 0, 1, 2, 3]
    assert [TEXT[i] for i, true in enumerate(found["just read punctuation"]) if true] == list("“”.,“”")


@pytest.mark.parametrize("text", ["a „bc” d „ef” g", "a „bc“ d „ef“ g", "a »bc« d »ef« g", "a «bc» d «ef» g"])
def test_quotations_of_other_languages_are_inside_quotes(text):
    assert "".join("q" if q else "-" for q in features(text)["inside quotes"]) == "--qqq----qqq---"


def test_french_guillemets_that_are_doubled_do_not_turn_the_rest_inside_out():
    text = "« a « b » » c « d » e"
    assert [text[i] for i, q in enumerate(features(text)["inside quotes"]) if q and text[i].isalpha()] == ["b", "d"]


def test_the_unit_is_chosen_on_the_first_half_and_judged_on_the_second():
    text = "ab cd ef gh ij kl " * 4
    space = features(text)[SPACE]
    half = len(text) // 2
    follows, fails, tiny = 0.9 - 1.8 * space, np.r_[0.9 * space[:half], np.zeros(half)], 0.01 * space
    h = np.column_stack([np.full(len(text), 0.3), 0.8 * follows + 0.1 * np.sin(np.arange(len(text))), tiny])
    best = {unit.feature: unit for unit in best_units(h, text)}[SPACE]
    assert best.unit == 1  # unit 2 follows it better, but hardly varies
    assert best.chosen_by == pytest.approx(correlations(h[:half], space[:half])[1])
    assert best.correlation == pytest.approx(correlations(h[half:], space[half:])[1])
    best = {unit.feature: unit for unit in best_units(np.column_stack([h, fails]), text)}[SPACE]
    assert (best.unit, best.correlation) == (3, 0)  # it follows in the first half alone: the second says so
    assert best.chosen_by == pytest.approx(1)
    assert "just read a digit" not in {unit.feature for unit in best_units(h, text)}


@given(st.text("ab“”\n ", max_size=40))
def test_features_have_a_value_for_each_character_of_any_text(text):
    assert {len(values) for values in features(text).values()} == {len(text)}


def test_the_passage_is_held_out_text_read_from_the_models_state(results):
    model, corpus = results.best, results.corpus
    read = read_passage(model, corpus)
    assert read.held_out
    assert read.x.tolist() == corpus.held_out[:-1].tolist()
    assert read.y.tolist() == corpus.held_out[1:].tolist()
    h, o = forward(model.theta, read.x, model.h)
    assert np.array_equal(read.h, h)
    assert np.array_equal(read.o, o)
    none = read_passage(model, Text(corpus.vocabulary, corpus.training, corpus.training[:50]))
    assert not none.held_out
    assert none.y.tolist() == corpus.training[1:].tolist()
