"""The gate for network/rnn.py: its gradient has to be the derivative of its own forward pass, whatever it computes."""

from dataclasses import replace

import numpy as np
import pytest
from networks import Network, spoilt
from runs import PARAMS

from charloom.checking import check, equations
from charloom.core.backend.backends import BACKENDS
from charloom.core.backend.by_numpy import network_digest
from charloom.core.base.errors import CheckFailed, Damaged
from charloom.core.network import rnn
from charloom.core.network.adagrad import AdaGrad
from charloom.core.network.order import Order
from charloom.core.network.recipe import KERNEL, NUMPY, Recipe
from charloom.core.network.state import initial_state
from charloom.core.text.corpus import Text
from charloom.core.text.vocabulary import Vocabulary

RNG = np.random.default_rng(2)
IDS = RNG.integers(0, 6, (26, 1)).astype(np.uint8)
THETA = rnn.init(20, 6, 0.01, np.random.default_rng(1))
TEXT = Text(Vocabulary("abcdef"), RNG.integers(0, 6, 3000).astype(np.uint8), IDS[:0, 0])
SMALL = PARAMS.model_copy(update={"m": 20})


def failures(theta=THETA, ids=IDS, sigma=0.01, most=40):
    points = equations.points(theta, sigma, 1e-10, 1)
    return equations.failures(points, ids, most, lambda *_: None)


@pytest.mark.parametrize("network", [("tanh",), ("relu",), ("sigmoid",), ("tanh", 0.5), ("relu", 0.9)], ids=str)
def test_the_check_accepts_any_network_whose_gradient_is_its_derivative(network, monkeypatch):
    Network(*network).write_into(monkeypatch)
    assert failures() == []


@pytest.mark.parametrize("m", [1, 2, 64])
@pytest.mark.parametrize("ids", [IDS[:2], IDS, np.repeat(IDS, 3, axis=1)], ids=["1", "25", "batch"])
@pytest.mark.parametrize("sigma", ["fan_in", 1e-6, 1.0, 1e9])
def test_the_check_accepts_the_committed_equations_for_all_sizes(m, ids, sigma):
    assert failures(rnn.init(m, 6, sigma, np.random.default_rng(1)), ids, sigma) == []


@pytest.mark.parametrize(
    ("network", "wrong"),
    [
        (Network(slope=lambda h: 1 - h), "WUb"),  # the square is forgotten: at sigma 0.01 a small error
        (Network(slope=lambda h: 1 - np.tanh(h) ** 2), "WUb"),
        (Network("relu", slope=lambda h: 1 - h**2), "WUb"),  # the forward pass alone was changed
        (Network("tanh", 0.5, slope=lambda h: np.ones_like(h)), "WUb"),
        (Network(before=lambda h: np.append(0 * h[:1], h[1:], axis=0)), "W"),  # h_0 is forgotten: seen if it is carried
    ],
)
def test_the_check_names_the_matrices_whose_gradient_is_not_the_derivative(network, wrong, monkeypatch):
    network.write_into(monkeypatch)
    assert {line[0] for line in failures()} == {*wrong}
    assert "gradient " in failures()[0]
    assert "derivative " in failures()[0]


@pytest.mark.parametrize("name", rnn.NAMES)
def test_the_check_names_one_wrong_entry_with_both_numbers(name, monkeypatch):
    monkeypatch.setattr(rnn, "loss_and_gradients", spoilt(name))
    (line,) = failures(most=1000)
    entry, numbers = line.split(" at the ")
    assert entry.startswith(f"{name}[")
    gradient, derivative = (float(words.split(" ")[-1]) for words in numbers.split(": ")[1].split(", "))
    assert gradient == pytest.approx(derivative * (1 + 1e-4), rel=1e-5)


@pytest.mark.parametrize("lost", [lambda a: np.tanh(abs(a)), lambda a: np.tanh(a.real)])
def test_the_check_says_if_the_forward_pass_loses_the_imaginary_part(lost, monkeypatch):
    network = Network()
    network.squash = lost
    network.write_into(monkeypatch)
    with pytest.raises(CheckFailed, match="imaginary"):
        failures()


def test_the_check_says_if_the_forward_pass_refuses_complex_numbers(monkeypatch):
    network = Network()
    network.squash = lambda a: a * np.heaviside(a, 0)  # a function without complex numbers
    network.write_into(monkeypatch)
    with pytest.raises(CheckFailed, match="complex"):
        failures()


def test_the_check_says_what_the_kernel_computes_otherwise(monkeypatch):
    assert check.network_difference(SMALL, TEXT) == ""
    assert check.network_difference(SMALL.model_copy(update={"optimizer": "adam", "batch": 3}), TEXT) == ""
    with monkeypatch.context() as context:
        Network("relu").write_into(context)
        assert "another network" in check.network_difference(SMALL, TEXT)
    monkeypatch.setattr(AdaGrad, "step", lambda _self, theta, _s, g, _update: np.subtract(theta, 0.01 * g, out=theta))
    assert "adagrad.py" in check.network_difference(SMALL, TEXT)


@pytest.mark.parametrize("batch", [1, 3])
def test_the_numpy_backend_computes_with_what_rnn_py_contains(monkeypatch, batch):
    recipe = replace(SMALL.recipe, backend=NUMPY, batch=batch)
    first = initial_state(recipe, 6, 1)

    def computed(backend):
        functions = BACKENDS[backend]
        after = functions.advance(first, TEXT.training, 3, recipe).after
        written = next(
            functions.write(after.theta, after.h[:1], np.array([0]), [np.random.default_rng(1)], 1.0, 0, 1.0)
        )
        return [
            after.theta.flat, functions.read(after.theta, TEXT.training[:90], after.carried, 0.0)[0], written[1],
            functions.forward(after.theta, TEXT.training[:9], after.carried)[1],
        ]  # fmt: skip

    right = computed(NUMPY)
    for own, of_kernel in zip(right, computed(KERNEL), strict=True):
        np.testing.assert_allclose(own, of_kernel, rtol=1e-7, atol=1e-9)
    Network("relu").write_into(monkeypatch)
    for before, after in zip(right, computed(NUMPY), strict=True):
        assert abs(before - after).max() > 1e-6


def test_a_network_whose_outputs_overflow_writes_no_text(monkeypatch):
    Network("relu").write_into(monkeypatch)
    written = BACKENDS[NUMPY].write(
        rnn.init(20, 6, 3.0, np.random.default_rng(1)),
        np.ones((1, 20)),
        np.array([0]),
        [np.random.default_rng(1)],
        1.0,
        0,
        1.0,
    )
    with pytest.raises(Damaged, match="too large to write text with"):
        [next(written) for _ in range(9)]


def test_an_optimiser_that_changes_no_weight_is_named(monkeypatch):
    monkeypatch.setattr(AdaGrad, "step", lambda _self, theta, _s, g, _update: theta - g)
    recipe = replace(SMALL.recipe, backend=NUMPY)
    with pytest.raises(CheckFailed, match="step changes no weight"):
        BACKENDS[NUMPY].advance(initial_state(recipe, 6, 1), TEXT.training, 1, recipe)


@pytest.mark.parametrize(
    ("module", "name"), [(rnn, "log_softmax"), (AdaGrad, "starts"), (Recipe, "scale"), (Order, "places")]
)
def test_the_digest_of_the_network_changes_with_what_network_computes(module, name, monkeypatch):
    before, right = network_digest.__wrapped__("numpy adagrad float64"), getattr(module, name)
    changed = {
        "log_softmax": lambda o: right(0.9 * o),
        "starts": property(lambda self: tuple(2 * start for start in right.fget(self))),
        "scale": property(lambda self: 0.5 * right.fget(self)),
        "places": lambda self, *sizes: (right(self, *sizes)[0], right(self, *sizes)[1] | (self.name != "positions")),
    }  # fmt: skip
    monkeypatch.setattr(module, name, changed[name])
    assert network_digest.__wrapped__("numpy adagrad float64") != before


@pytest.mark.parametrize("choice", [(1.0, 0, 1.0), (0.5, 3, 1.0), (2.0, 0, 0.9), (0.0, 0, 1.0)])
def test_the_backends_write_the_same_text(choice):
    theta, h = rnn.init(20, 6, 0.5, np.random.default_rng(1)), np.random.default_rng(2).normal(size=(3, 20))
    texts = []
    for backend in (KERNEL, NUMPY):
        random = [np.random.default_rng(number) for number in range(3)]
        written = BACKENDS[backend].write(theta, h, np.arange(3), random, *choice)
        texts.append(np.concatenate([next(written)[0], next(written)[0]], axis=1))
    np.testing.assert_array_equal(*texts)


@pytest.mark.parametrize("order", [Order("reading"), Order("chunks", 60)], ids=str)
def test_the_backends_keep_the_same_best_weights_and_state(order):
    recipe = replace(SMALL.recipe, batch=2, order=order, optimizer=AdaGrad(0.01))
    of_kernel, of_numpy = (
        BACKENDS[backend].advance(initial_state(recipe, 6, 1), TEXT.training, 40, recipe).best
        for backend in (KERNEL, NUMPY)
    )
    assert of_numpy.update == of_kernel.update
    np.testing.assert_allclose(of_numpy.h, of_kernel.h, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(of_numpy.theta.flat, of_kernel.theta.flat, rtol=1e-6, atol=1e-9)
