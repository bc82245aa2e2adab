"""rnncheck's references are the mathematics of core/network."""

import subprocess
import sys

import numpy as np
import pytest
from projects import ROOT

from charloom.core.network import rnn
from charloom.core.network.adagrad import AdaGrad
from charloom.core.network.adam import Adam
from rnncheck import steps
from rnncheck.backward import forward, gradients
from rnncheck.cases import cases


def test_the_right_pass_is_the_networks():
    for case in cases():
        theta = rnn.Parameters(np.concatenate([case.weights[n].ravel() for n in "WUVbc"]), *case.weights["U"].shape)
        loss, right, last = rnn.loss_and_gradients(theta, case.x, case.y, case.h)
        s = forward(*case[1:])
        assert s.losses.sum() == pytest.approx(loss, rel=1e-12)
        assert s.h[-1] == pytest.approx(last, abs=1e-12)
        for name, value in gradients(s, {}).items():
            assert value == pytest.approx(getattr(right, name), rel=1e-9, abs=1e-11)


def test_the_right_rules_are_the_networks():
    G = np.random.default_rng(1).standard_normal((6, 9))
    for optimizer, options in ((AdaGrad(1.0), {}), (Adam(1.0), steps.ADAM)):
        theta, accumulators = np.zeros(9), [np.zeros(9) for _ in optimizer.starts]
        for n, g in enumerate(G):
            before = theta.copy()
            optimizer.step(theta, accumulators, g.copy(), n)
            assert before - theta == pytest.approx(steps.rule(G, **options)[n], rel=1e-6)


def test_the_command_that_gradcheck_names_finds_rnn_py_right():
    assert "gradients  right\n" in subprocess.check_output([sys.executable, "docs/check_rnn.py"], cwd=ROOT, text=True)
