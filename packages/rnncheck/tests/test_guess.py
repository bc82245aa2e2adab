"""A map is guessed for an obvious layout, only if the forward pass is right with it, and never replaces one."""

import pytest
from layouts import CLASS, LAYOUTS, written
from test_grade import grade

from rnncheck import guess
from rnncheck.program import graded

METHODS = """
import numpy as np

class RNN:
    def __init__(self, book, m=5):
        self.book, self.hidden_size, self.K = book, m, len(set(book))
        self.U, self.W, self.V = (np.zeros((m, 2)) for _ in range(3))

    def fwd_pass(self, x_seq, h_prev):
        h_seq, p_seq = [h_prev], []
        for t in range(x_seq.shape[1]):
            h_seq.append(np.tanh(self.W @ h_seq[t] + self.U @ x_seq[:, [t]] + self.b))
            e = np.exp(self.V @ h_seq[-1] + self.c)
            p_seq.append(e / e.sum())
        return np.hstack(p_seq), h_seq

    def compute_loss(self, p_seq, y_seq):
        return -np.log((p_seq * y_seq).sum(axis=0)).sum()

    def back_prop(self, x_seq, y_seq, h_seq, p_seq):
        G, d = p_seq - y_seq, np.zeros((self.hidden_size, 1))
        dLdW, dLdU = np.zeros_like(self.W), np.zeros_like(self.U)
        dLdV, dLdb, dLdc = G @ np.hstack(h_seq[1:]).T, np.zeros((self.hidden_size, 1)), G.sum(axis=1)
        for t in reversed(range(G.shape[1])):
            d = (self.V.T @ G[:, [t]] + self.W.T @ d) * (1 - h_seq[t + 1] ** 2)
            dLdW += d @ h_seq[t].T
            dLdU += d @ x_seq[:, [t]].T
            dLdb += d
        return dLdW, dLdU, dLdV, dLdb, dLdc
"""


def test_the_map_of_a_class_that_needs_a_text_is_guessed(tmp_path):
    (tmp_path / "my_rnn.py").write_text(METHODS)
    text = guess.found(tmp_path / "my_rnn.py", 20)
    assert "object.__new__(student.RNN)" in text
    assert "net.hidden_size = len(h)" in text


# The names of min-char-rnn's weights in an object, whose H is a size, and in a dict; gradients with the same names.
NAMED = """
import numpy as np

class RNN:
    def __init__(self, vocab_size, hidden_size=64):
        self.H = hidden_size
        self.Wxh, self.Whh = np.zeros((hidden_size, vocab_size)), np.zeros((hidden_size, hidden_size))
        self.Why, self.bh, self.by = np.zeros((vocab_size, hidden_size)), np.zeros(hidden_size), np.zeros(vocab_size)

    def loss_and_grads(self, inputs, targets, h0):
        loss, grads, h = both(vars(self), inputs, targets, h0)
        return loss, grads, h

# the function
def forward_backward(params, inputs, targets, hprev):
    hs, ps, loss, d = {-1: hprev}, {}, 0, np.zeros_like(hprev)
    for t, i in enumerate(inputs):
        hs[t] = np.tanh(params["Wxh"][:, [i]] + params["Whh"] @ hs[t - 1] + params["bh"])
        ps[t] = np.exp(params["Why"] @ hs[t] + params["by"])
        ps[t] /= ps[t].sum()
        loss -= np.log(ps[t][targets[t], 0])
    grads = {name: np.zeros_like(params[name]) for name in ("Wxh", "Whh", "Why", "bh", "by")}
    for t in reversed(range(len(inputs))):
        dy = ps[t] - np.eye(len(ps[t]))[:, [targets[t]]]
        d = (params["Why"].T @ dy + params["Whh"].T @ d) * (1 - hs[t] ** 2)
        grads["Wxh"][:, inputs[t]] += d[:, 0]
        for name, more in {"Whh": d @ hs[t - 1].T, "Why": dy @ hs[t].T, "bh": d, "by": dy}.items():
            grads[name] = grads[name] + more
    h = hs[len(inputs) - 1]
    return loss, grads, h
"""


@pytest.mark.parametrize("holder", ["an object", "a dict"])
def test_the_map_of_weights_with_min_char_rnns_names_is_guessed(tmp_path, holder):
    start, of_class, function = NAMED.partition("class RNN")[0], *NAMED.split("# the function\n")
    text = start + function if holder == "a dict" else of_class + function.replace("forward_backward", "both")
    (tmp_path / "my_rnn.py").write_text(text)
    parts = {verdict.part: verdict for verdict in graded(tmp_path / "my_rnn.py", None, 20)}
    assert parts["gradients"].result == "right"


MODULE = """
import numpy as np

chars = list(set(open("book.txt").read()))
hidden_size, vocab_size = 100, len(chars)
Wxh, Whh, Why = (np.zeros((2, 2)) for _ in range(3))
bh, by = np.zeros((hidden_size, 1)), np.zeros((vocab_size, 1))

def lossFun(inputs, targets, hprev):
    hs, ps, loss, d = {-1: hprev}, {}, 0, np.zeros((hidden_size, 1))
    for t, i in enumerate(inputs):
        hs[t] = np.tanh(Wxh[:, [i]] + Whh @ hs[t - 1] + bh)
        ps[t] = np.exp(Why @ hs[t] + by)
        ps[t] /= ps[t].sum()
        loss -= np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy, dbh, dby = (np.zeros_like(w) for w in (Wxh, Whh, Why, bh, by))
    for t in reversed(range(len(inputs))):
        dy = ps[t] - np.eye(vocab_size)[:, [targets[t]]]
        d = (Why.T @ dy + Whh.T @ d) * (1 - hs[t] ** 2)
        dWxh[:, inputs[t]] += d[:, 0]
        dWhh, dWhy, dbh, dby = dWhh + d @ hs[t - 1].T, dWhy + dy @ hs[t].T, dbh + d, dby + dy
    return loss, dWxh, dWhh, dWhy, dbh, dby, hs[len(inputs) - 1]

def sample(h, seed_ix, n):
    return [seed_ix] * n
"""


def test_the_map_of_weights_in_a_module_is_guessed(tmp_path):
    (tmp_path / "my_rnn.py").write_text(MODULE)
    parts = {verdict.part: verdict for verdict in graded(tmp_path / "my_rnn.py", None, 20)}
    assert parts["gradients"].result == "right"
    assert parts["sample"].about.startswith("not defined: its sample(h, seed_ix, n) has other parameters")


BACK = """    G, d, D = P - Y, 0, np.zeros_like(H)
    for t in reversed(range(X.shape[1])):
        d = (rnn["V"].T @ G[:, [t]] + (rnn["W"].T @ d if t < X.shape[1] - 1 else 0)) * (1 - H[:, [t]] ** 2)
        D[:, [t]] = d
    grads = {"V": G @ H.T, "c": G.sum(1), "W": D @ np.hstack([h, H[:, :-1]]).T, "U": D @ X.T, "b": D.sum(1)}
    return grads
"""
FORTH = """
import numpy as np

def forward(rnn, X, Y, h):
    H, P, loss = np.zeros((len(h), X.shape[1])), np.zeros(X.shape), 0
    for t in range(X.shape[1]):
        h = np.tanh(rnn["W"] @ h + rnn["U"] @ X[:, [t]] + rnn["b"])
        e = np.exp(rnn["V"] @ h + rnn["c"])
        H[:, [t]], P[:, [t]] = h, e / e.sum()
        loss -= np.log((Y[:, [t]] * P[:, [t]]).sum())
    return loss, P, H, h

"""


@pytest.mark.parametrize(
    "backward",
    [
        "def backward(rnn, X, Y, P, H, h):\n",
        "def backward(rnn, X, Y, P, H, h0=None):\n    h = np.zeros((len(H), 1)) if h0 is None else h0\n",
    ],
)
def test_a_guess_passes_the_initial_state_and_accuses_no_right_program(tmp_path, backward):
    (tmp_path / "my_rnn.py").write_text(FORTH + backward + BACK)
    verdict = graded(tmp_path / "my_rnn.py", None, 20)[0]
    assert (verdict.result, verdict.findings) == ("right", ())


@pytest.mark.parametrize("name", LAYOUTS)
def test_maps_of_obvious_layouts_are_guessed(tmp_path, name):
    program = written(tmp_path, LAYOUTS[name], "not_carried")
    assert bool(guess.found(program, 20)) == (name not in {"rows", "kept"})


@pytest.mark.parametrize(
    ("right", "wrong"), [("np.tanh(self.W", "np.sin(self.W"), ("/ e.sum()", "/ 2"), ("h_seq[-1] + self.c", "h_seq[-1]")]
)
def test_no_map_is_guessed_if_the_forward_pass_is_wrong_with_each(tmp_path, right, wrong):
    assert right in METHODS
    (tmp_path / "my_rnn.py").write_text(METHODS.replace(right, wrong))
    assert guess.found(tmp_path / "my_rnn.py", 20) == ""


@pytest.mark.parametrize("text", ["def backward(:", "def backward(X):\n    return X\n", "(" * 5000, ""])
def test_a_program_without_a_known_layout_gets_no_map(tmp_path, text):
    (tmp_path / "my_rnn.py").write_text(text)
    assert guess.found(tmp_path / "my_rnn.py", 20) == ""


@pytest.mark.slow
def test_a_guess_is_written_beside_the_program_and_used_again(tmp_path):
    program = written(tmp_path, CLASS, "zero_before_first")
    (tmp_path / "map.py").unlink()
    (tmp_path / "other.py").write_text(METHODS)
    first = grade(tmp_path, program)
    assert first.returncode == 1
    mapped = tmp_path / "my_rnn_map.py"
    assert f"its map is a guess, which was written to {mapped}" in first.stdout
    mapped.write_text(mapped.read_text().replace("student.forward", "student.froward"))
    second = grade(tmp_path, program)
    assert "my_rnn_map.py, line 15: AttributeError" in second.stderr
    assert "froward" in mapped.read_text()
    lines = grade(tmp_path, *sorted(tmp_path.glob("*.py")), "--csv", tmp_path / "grades.csv").stdout.splitlines()
    assert [line.split("  ")[0] for line in lines[:2]] == [str(program), str(tmp_path / "other.py")]
    assert "gradients right" in lines[1]
    assert len((tmp_path / "grades.csv").read_text().splitlines()) == 3
