"""`check` itself: what it prints and returns, and what it does to arguments, generators and exceptions."""

import json
import random
from collections import namedtuple
from types import SimpleNamespace

import numpy as np
import pytest
from layouts import CLASS, FUNCTIONS, gradients

import rnncheck

RIGHT, WRONG = gradients(FUNCTIONS), gradients(FUNCTIONS, "zero_before_first")


def test_the_report_is_printed_and_returned(capsys):
    report = rnncheck.check(gradients=WRONG)
    out = capsys.readouterr().out
    assert out == f"{report}\n"
    assert out.startswith("gradients  wrong: dW\nstep       not checked: not given\n")
    assert "The state before t = 0 in the gradient of W is 0" in out
    assert "own check (sigma 0.01, h_0 = 0) does not show it" in out
    assert not report.right
    part = json.loads(report.json())["parts"][0]
    assert (part["part"], part["result"], part["findings"][0]["named"]) == ("gradients", "wrong", True)
    assert part["findings"][0]["text"] in report.findings[0]
    assert "<td" in report._repr_html_()
    assert rnncheck.check(gradients=RIGHT, quiet=True).right
    assert capsys.readouterr().out == ""
    assert not rnncheck.check(quiet=True).right


def test_arguments_are_copies_and_changes_of_them_are_noted():
    def greedy(weights, h, x, y):
        result = RIGHT(weights, h, x, y)
        for array in (*weights.values(), h):
            array[...] = 7
        return result

    part = rnncheck.check(gradients=greedy, quiet=True).parts[0]
    assert (part.result, part.notes) == ("right", ("it changes the weights that it is given",))


def test_generators_are_seeded_before_a_call_and_restored_at_the_end():
    drawn = []

    def noisy(weights, h, x, y):
        drawn.append((np.random.rand(), random.random()))  # noqa: NPY002, S311
        return RIGHT(weights, h, x, y)

    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    rnncheck.check(gradients=noisy, quiet=True)
    after = np.random.rand(), random.random()  # noqa: NPY002, S311
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    assert after == (np.random.rand(), random.random())  # noqa: NPY002, S311
    assert len(set(drawn)) == 1


@pytest.mark.parametrize(
    "error",
    ["1 / 0", "exit('x')", "open('two\\\\nlines')", "np.zeros(3) @ np.zeros(4)", "np.random.choice(2, p=[1, 1])"],
)
def test_an_exception_is_a_line_with_file_and_line_and_other_parts_go_on(tmp_path, error):
    (tmp_path / "my_rnn.py").write_text(
        f"import numpy as np\n\ndef f(*_):\n    return {error}\n".replace("return raise", "raise")
    )
    names = {}
    exec(compile((tmp_path / "my_rnn.py").read_text(), tmp_path / "my_rnn.py", "exec"), names)  # noqa: S102
    parts = rnncheck.check(gradients=RIGHT, following=names["f"], quiet=True).parts
    assert (parts[0].result, parts[3].result) == ("right", "not checked")
    assert parts[3].about.startswith("my_rnn.py, line 4, in f: ")
    assert "\n" not in parts[3].about


def test_an_interrupt_is_not_caught():
    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rnncheck.check(gradients=interrupted, quiet=True)


class Tensor:
    """An array as PyTorch has: it becomes one of NumPy only after detach and cpu."""

    def __init__(self, value, ready=0):
        self.value, self.ready = value, ready

    def detach(self):
        return Tensor(self.value, self.ready | 1)

    def cpu(self):
        return Tensor(self.value, self.ready | 2)

    def __array__(self, dtype=None, copy=None):
        if self.ready != 3:
            raise RuntimeError("call detach() and cpu() first")
        return np.asarray(self.value, dtype)


Gradients = namedtuple("Gradients", "dW dU dV db dc")
KINDS = {
    "lists": lambda value: value.tolist() if isinstance(value, np.ndarray) else value,
    "tensors": Tensor,
    "float32": np.float32,
    "columns": lambda value: np.reshape(value, (len(value), -1)) if np.ndim(value) else value,
}


@pytest.mark.parametrize("kind", KINDS)
def test_results_may_be_of_other_kinds(kind):
    def returned(weights, h, x, y):
        loss, grads, last = RIGHT(weights, h, x, y)
        return KINDS[kind](loss), Gradients(**{name: KINDS[kind](g) for name, g in grads.items()}), KINDS[kind](last)

    assert rnncheck.check(gradients=lambda *given: returned(*given), quiet=True).right


@pytest.mark.parametrize("first", ["", "grad_"])
def test_weights_and_gradients_in_one_object_are_told_apart(first):
    def model(weights, gradients):
        fields = dict(weights) | {f"grad_{n}": gradients[n] for n in weights}
        return SimpleNamespace(**dict(sorted(fields.items(), key=lambda item: not item[0].startswith(first or "W"))))

    def returned(weights, h, x, y):
        loss, grads, last = RIGHT(weights, h, x, y)
        return loss, model(weights, {name[1:]: value for name, value in grads.items()}), last

    def step(weights, gradients, memory, n):
        memory = {name: g**2 + (memory[name] if memory else 0) for name, g in gradients.items()}
        moved = {name: w - 0.1 * gradients[name] / np.sqrt(memory[name] + 1e-8) for name, w in weights.items()}
        return model(moved, gradients), memory

    parts = rnncheck.check(gradients=returned, step=step, quiet=True).parts
    assert [part.result for part in parts[:2]] == ["right", "right"]


def test_only_an_error_that_may_be_one_of_sizes_is_answered_by_sizes():
    for error, hint in ((NameError("X"), False), (ValueError("shapes"), True), (IndexError("-2"), True)):

        def fails(*_, error=error):
            raise error

        assert ("sizes" in rnncheck.check(gradients=fails, quiet=True).parts[0].about) == hint


def test_two_faults_of_two_parts_are_in_one_report():
    report = rnncheck.check(gradients=WRONG, following=lambda weights, h, _: (weights["c"], h), quiet=True)
    assert [part.result for part in report.parts] == ["wrong", *["not checked"] * 2, "wrong", "not checked"]
    assert len(report.findings) == 2


def test_the_layout_of_min_char_rnn_needs_one_call():
    text = """
import numpy as np
seq_length, vocab_size, hidden_size = 25, 80, 100
bh = by = Whh = Wxh = Why = None

def lossFun(inputs, targets, hprev):
    xs, hs, ps, loss = {}, {-1: np.copy(hprev)}, {}, 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((vocab_size, 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        ps[t] = np.exp(np.dot(Why, hs[t]) + by)
        ps[t] /= np.sum(ps[t])
        loss += -np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby, dhnext = np.zeros_like(bh), np.zeros_like(by), np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy, dby = dWhy + np.dot(dy, hs[t].T), dby + dy
        dhraw = (1 - hs[t] * hs[t]) * (np.dot(Why.T, dy) + dhnext)
        dbh, dWxh, dWhh = dbh + dhraw, dWxh + np.dot(dhraw, xs[t].T), dWhh + np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, dhraw)
    for dparam in [dWxh, dWhh, dWhy, dbh, dby]:
        np.clip(dparam, -5, 5, out=dparam)
    return loss, dWxh, dWhh, dWhy, dbh, dby, hs[len(inputs) - 1]
"""
    for program, right in ((text, True), (text.replace("dhnext = np.dot(Whh.T", "dhnext = np.dot(Whh"), False)):
        names = {}
        exec(program, names)  # noqa: S102
        report = rnncheck.check(gradients=rnncheck.layouts.min_char_rnn(names), quiet=True)
        assert report.right == right
        assert names["vocab_size"] == 80
    assert "by W in place of Wᵀ" in report.findings[0]


def step_forward(x, h, Wx, Wh, b):
    return np.tanh(x @ Wx + h @ Wh + b)


def rnn_forward(x, h0, Wx, Wh, b):
    h, states = h0, []
    for t in range(x.shape[1]):
        h = step_forward(x[:, t], h, Wx, Wh, b)
        states.append(h)
    return np.stack(states, axis=1), (x, h0, Wx, Wh, np.stack(states, axis=1))


def rnn_backward(dh, cache, *, wrong=False):
    x, h0, Wx, Wh, states = cache
    dx, dWx, dWh, back = np.zeros_like(x), np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(h0)
    db = np.zeros(Wh.shape[0])
    for t in reversed(range(x.shape[1])):
        d = (dh[:, t] + back) * (1 - states[:, t] ** 2)
        before = states[:, t - 1] if t or wrong else h0
        dx[:, t], dWx, dWh, db = d @ Wx.T, dWx + x[:, t].T @ d, dWh + before.T @ d, db + d.sum(axis=0)
        back = d @ Wh.T
    return dx, back, dWx, dWh, db


def test_the_layout_of_cs231n_needs_one_call():
    adapted = rnncheck.layouts.cs231n(rnn_forward, rnn_backward)
    assert rnncheck.check(gradients=adapted, quiet=True).right
    adapted = rnncheck.layouts.cs231n(rnn_forward, lambda dh, cache: rnn_backward(dh, cache, wrong=True))
    (finding,) = rnncheck.check(gradients=adapted, quiet=True).findings
    assert "is the last state of the sequence" in finding


def cell_forward(xt, a_prev, p):
    a = np.tanh(p["Wax"] @ xt + p["Waa"] @ a_prev + p["ba"])
    o = p["Wya"] @ a + p["by"]
    return a, np.exp(o) / np.exp(o).sum(axis=0), (a, a_prev, xt, p)


def cell_backward(da, cache, *, slope=lambda a: 1 - a**2):
    a, a_prev, xt, p = cache
    d = slope(a) * da
    return {"dxt": p["Wax"].T @ d, "dWax": d @ xt.T, "da_prev": p["Waa"].T @ d, "dWaa": d @ a_prev.T, "dba": d}


def test_the_layout_of_the_specialisation_needs_one_call():
    assert rnncheck.check(gradients=rnncheck.layouts.specialisation(cell_forward, cell_backward), quiet=True).right
    wrong = rnncheck.layouts.specialisation(cell_forward, lambda *given: cell_backward(*given, slope=lambda a: 1 - a))
    (finding,) = rnncheck.check(gradients=wrong, quiet=True).findings
    assert "1 − h in place of 1 − h²" in finding


def test_a_class_that_clips_says_so():
    assert (
        rnncheck.check(gradients=gradients(CLASS), quiet=True).parts[0].notes[0]
        == "it clips W, U, V, b, c to ±5 itself"
    )
