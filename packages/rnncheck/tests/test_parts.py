"""Steps, loops and samplers: right ones are right, and wrong ones have their names."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from inside import inside
from projects import source

from charloom.core.network.adagrad import AdaGrad
from charloom.core.network.adam import Adam
from rnncheck import loop, sampler, steps
from rnncheck.cases import weights
from rnncheck.process import Answer, Unreadable
from rnncheck.verdicts import faults

ADAGRAD = """
import numpy as np

def step(weights, gradients, memory, n):
    memory = memory or {k: np.zeros_like(w) for k, w in weights.items()}
    for k in weights:
        g = {gradient}
        {sum}
        weights[k] -= 0.1 * g / {root}
    return weights, memory
"""
RIGHT = {"gradient": "gradients[k]", "sum": "memory[k] += g ** 2", "root": "np.sqrt(memory[k] + np.finfo(float).eps)"}
ADAM = """
import numpy as np

class Optimizer:
    def __init__(self):
        self.m, self.v, self.t = {}, {}, 0

    def update(self, weights, gradients):
        self.t += 1
        for k, g in gradients.items():
            self.m[k] = 0.9 * self.m.get(k, 0) + 0.1 * g
            self.v[k] = 0.999 * self.v.get(k, 0) + 0.001 * g * g
            m, v = {m}, {v}
            weights[k] -= 1e-3 * m / (np.sqrt(v) + 1e-8)

def step(weights, gradients, memory, n):
    memory = memory or Optimizer()
    memory.update(weights, gradients)
    return weights, memory
"""
CORRECTED = {"m": "self.m[k] / (1 - 0.9 ** self.t)", "v": "self.v[k] / (1 - 0.999 ** self.t)"}


def judged(folder, judge, program, slots):
    for name, text in slots.items():
        program = program.replace("{" + name + "}", text)
    (folder / "my_rnn.py").write_text(program)
    with inside(folder / "my_rnn.py") as student:
        return judge(student)


@pytest.mark.parametrize(
    ("program", "slots", "about"),
    [
        (ADAGRAD, RIGHT, "AdaGrad, eta 0.1"),
        (ADAGRAD, RIGHT | {"gradient": "np.clip(gradients[k], -5, 5)"}, "AdaGrad, eta 0.1"),
        (
            ADAGRAD,
            RIGHT | {"root": "(np.sqrt(memory[k]) + 1e-7)"},
            "AdaGrad with epsilon 1e-07 outside the root, eta 0.1",
        ),
        (ADAM, CORRECTED, "Adam, eta 0.001"),
        (ADAGRAD, RIGHT | {"gradient": "gradients[k] * min(1, 5 / np.linalg.norm(gradients[k]))"}, "AdaGrad, eta 0.1"),
        (ADAM, CORRECTED | {"m": "self.m[k] / (1 - 0.9 ** self.t)"}, "Adam, eta 0.001"),
        (
            ADAM.replace("0.999", "0.99")
            .replace("0.001 *", "0.01 *")
            .replace("0.9 *", "0.8 *")
            .replace("+ 0.1 *", "+ 0.2 *"),
            {"m": "self.m[k] / (1 - 0.8 ** self.t)", "v": "self.v[k] / (1 - 0.99 ** self.t)"},
            "Adam with b1 = 0.8 with b2 = 0.99, eta 0.001",
        ),
        (  # the efficient form in the last paragraph of section 2 of the Adam paper
            ADAM,
            {"m": "self.m[k] / (1 - 0.9**self.t) * np.sqrt(1 - 0.999**self.t)", "v": "self.v[k]"},
            "Adam with epsilon 1e-08 before the correction, eta 0.001",
        ),
    ],
)
def test_a_right_step_is_right_and_its_rate_is_inferred(tmp_path, program, slots, about):
    verdict = judged(tmp_path, steps.judge, program, slots)
    assert (verdict.result, verdict.about) == ("right", about)


@pytest.mark.parametrize(
    ("program", "slots", "says"),
    [
        (ADAGRAD, RIGHT | {"sum": "memory[k] = g ** 2"}, "no sum over earlier steps"),
        (ADAGRAD, RIGHT | {"sum": "memory[k] = 0.9 * memory[k] + 0.1 * g ** 2"}, "RMSprop"),
        (ADAGRAD, RIGHT | {"sum": "memory[k] += abs(g)"}, "of |g|"),
        (ADAGRAD, RIGHT | {"root": "(memory[k] + 1e-16)"}, "root of the sum of squares is missing"),
        (ADAGRAD, RIGHT | {"root": "np.sqrt(memory[k] + 1e-4)"}, "epsilon is 1e-5 or more"),
        (ADAGRAD, RIGHT | {"root": "1"}, "plain gradient descent"),
        (ADAGRAD, RIGHT | {"gradient": "-gradients[k]"}, "opposite sign"),
        (ADAGRAD, RIGHT | {"root": "np.sqrt(memory[k])"}, "divides by 0"),
        (ADAGRAD.replace("for k in weights", 'for k in "WUV"'), RIGHT, "does not change the weights, for b, c"),
        (ADAM, {"m": "self.m[k]", "v": "self.v[k]"}, "Adam has no bias correction"),
        (ADAM, CORRECTED | {"v": "self.v[k]"}, "second moment v has no bias correction"),
        (
            ADAM.replace("** self.t", "** (self.t + 1)"),
            {k: v.replace("self.t", "(self.t + 1)") for k, v in CORRECTED.items()},
            "n + 1 for n",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_wrong_step_has_its_name(tmp_path, program, slots, says):
    verdict = judged(tmp_path, steps.judge, program, slots)
    assert verdict.result == "wrong"
    (finding,) = verdict.findings
    assert says in finding.sentences[0]
    assert len(finding.sentences) == 1


def test_a_decorated_step_is_graded(tmp_path):
    head, body = ADAGRAD.split("def step", 1)
    wrapped = f"{head}def any_arguments(f):\n    return lambda *args: f(*args)\n\n@any_arguments\ndef step{body}"
    assert judged(tmp_path, steps.judge, wrapped, RIGHT).result == "right"


def test_the_next_step_gets_biases_in_the_documented_shape(tmp_path):
    slots = RIGHT | {"root": RIGHT["root"] + "; assert weights[k].ndim == (2 if k in 'WUV' else 1)"}
    program = ADAGRAD.replace("return weights,", "return {k: w.reshape(len(w), -1) for k, w in weights.items()},")
    assert judged(tmp_path, steps.judge, program, slots).result == "right"


def test_the_steps_that_a_rule_explains_are_counted_and_another_eta_is_noted(tmp_path):
    uncounted = ADAM.replace("self.t += 1", "self.t = 1")
    (finding,) = judged(tmp_path, steps.judge, uncounted, CORRECTED).findings
    assert "the first 1 of 6 steps are those of Adam, eta 0.001" in finding.sentences[0]
    assert finding.place.startswith(source(Adam))
    (note,) = judged(tmp_path, steps.judge, "eta = 0.05\n" + ADAGRAD, RIGHT).notes
    assert note == "its eta is 0.1, and the constant eta is 0.05: is there a factor in the step?"


def test_a_step_without_a_known_rule_is_not_named(tmp_path):
    findings = judged(tmp_path, steps.judge, ADAGRAD, RIGHT | {"gradient": "gradients[k] + 0.1"}).findings
    assert findings
    assert not any(finding.named for finding in findings)


def test_the_right_rules_are_the_networks():
    G = np.random.default_rng(1).standard_normal((6, 9))
    for optimizer, options in ((AdaGrad(1.0), {}), (Adam(1.0), steps.ADAM)):
        theta, accumulators = np.zeros(9), [np.zeros(9) for _ in optimizer.starts]
        for n, g in enumerate(G):
            before = theta.copy()
            optimizer.step(theta, accumulators, g.copy(), n)
            assert before - theta == pytest.approx(steps.rule(G, **options)[n], rel=1e-6)


def test_a_right_rule_and_a_wrong_one_differ_for_every_eta():
    rng = np.random.default_rng(3)
    G = np.array([steps._spread((40,), rng) for _ in range(steps.STEPS)])
    moves = [(about, right, steps.rule(G, **options)) for about, right, options in steps.rules()]
    for (first, one_right, one), (second, other_right, other) in combinations(moves, 2):
        if not (one_right and other_right) and first != second:
            eta = (one * other).sum() / (other**2).sum()
            assert abs(one - eta * other).max() > 10 * steps.TOLERANCE * abs(one).max(), (first, second)


def given_losses(shown="loss", dtype=float, **changed):
    rng = np.random.default_rng(8)
    theta = weights(loop.m, loop.K, 0.3, rng)
    ids = rng.choice(loop.K, loop.EPOCH * 25 + 1, p=np.array([8, 4, 2, 2, 1, 1, 1, 1]) / 20)
    losses = loop.losses(theta, ids, 25, None, {name: values[0] for name, values in loop.OPTIONS.items()} | changed)
    given, smooth = [], {"smooth_from_0": 0, "smooth loss from ln K": 25 * np.log(loop.K)}.get(shown)
    for _ in range(loop.UPDATES):
        loss = next(losses)
        smooth = loss if smooth is None else 0.999 * smooth + 0.001 * loss
        given.append(loss if shown == "loss" else smooth)
    return loop.judged(np.array(given, dtype).astype(float), theta, ids, 25, None)


@pytest.mark.parametrize(
    ("changed", "note"),
    [
        ({}, None),
        ({"dtype": np.float32}, None),
        ({"rule": "Adam"}, None),
        ({"rule": "Adam with b2 = 0.99"}, None),
        ({"rule": "AdaGrad with epsilon 1e-08"}, None),
        ({"clip": "none"}, "it does not clip gradients, or clipping never acts"),
        ({"clip": "by the norm to 5"}, "it clips gradients by the norm to 5"),
        ({"loss": "after the step"}, "it measures the loss after the step"),
        ({"end": "last sequence left out"}, "it leaves out the last sequence of an epoch"),
        ({"shown": "smooth loss"}, "it returns the smooth loss"),
        ({"shown": "smooth loss", "dtype": np.float32}, "it returns the smooth loss"),
        ({"shown": "smooth loss from ln K"}, "it returns the smooth loss, which starts at the loss of a uniform guess"),
    ],
)
def test_a_right_loop_is_right_and_its_variant_is_named(changed, note):
    verdict = given_losses(**changed)
    assert verdict.result == "right"
    assert verdict.notes == ((f"no fault: {note}",) if note else ())


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "zero_state"},
        {"state": "first_state", "shown": "smooth loss"},
        {"state": "last_but_one", "rule": "Adam"},
        {"epoch": "kept_state", "shown": "smooth loss"},
        {"epoch": "kept_state", "rule": "Adam"},
        {"shown": "smooth_from_0"},
        {"memory": "new_memory"},
        {"memory": "new_memory_of_epoch", "rule": "Adam", "shown": "smooth loss"},
        {"targets": "unshifted"},
        {"memory": "new_memory", "rule": "Adam", "loss": "after the step"},
        {"epoch": "kept_state", "end": "last sequence left out"},
        {"clip": "plain_biases", "rule": "Adam"},
        {"W": "zero_before_first", "shown": "smooth loss"},
        {"W": "last_before_first", "rule": "Adam"},
        {"rule": "descent"},
        pytest.param({"epoch": "kept_state", "W": "zero_before_first"}, marks=pytest.mark.slow),
        pytest.param({"epoch": "kept_state", "shown": "smooth_from_0"}, marks=pytest.mark.slow),
    ],
)
def test_a_wrong_loop_has_its_name(changed):
    verdict = given_losses(**changed)
    assert verdict.result == "wrong"
    says = [faults()["loop"][value] for value in changed.values() if value in faults()["loop"]]
    assert verdict.findings[0].sentences == ("; and ".join(says),)


def test_losses_that_drift_are_not_called_a_fault_also_if_they_are_smoothed():
    rng = np.random.default_rng(8)
    theta = weights(loop.m, loop.K, 0.3, rng)
    ids = rng.choice(loop.K, loop.EPOCH * 25 + 1, p=np.array([8, 4, 2, 2, 1, 1, 1, 1]) / 20)
    right = loop.losses(theta, ids, 25, 0.1, {name: values[0] for name, values in loop.OPTIONS.items()})
    smooth = np.array([next(right)])
    for n in range(1, loop.UPDATES):
        smooth = np.append(smooth, 0.999 * smooth[-1] + 0.001 * next(right) * (1 + 0.01 * n))
    with pytest.raises(Unreadable, match="no known loop from update 2 on"):
        loop.judged(smooth, theta, ids, 25, 0.1)


SAMPLER = """
import numpy as np

def following(weights, h, x):
    h = np.tanh(weights["W"] @ h + weights["U"][:, x] + weights["b"])
    p = np.exp(weights["V"] @ h + weights["c"])
    return p / p.sum(), h

def sample(weights, h, x, n, rng):
    {start}
    text = []
    for _ in range(n):
        p, {state} = following(weights, h, {input})
        {draw}
        text.append(x)
    return text
"""
DRAWN = {"start": "h = h.copy()", "state": "h", "input": "x", "draw": "x = int(np.random.choice(len(p), p=p))"}


@pytest.mark.parametrize(
    "draw",
    [
        DRAWN["draw"],
        "x = int(np.searchsorted(np.cumsum(p), rng.random()))",
        "x = int(np.nonzero(np.cumsum(p) > np.random.rand())[0][0])",
    ],
)
def test_a_right_sampler_is_right(tmp_path, draw):
    assert judged(tmp_path, sampler.sample, SAMPLER, DRAWN | {"draw": draw}).result == "right"
    assert judged(tmp_path, sampler.following, SAMPLER, DRAWN).result == "right"
    counted = SAMPLER.replace("text = []", "text = [x]").replace("return text", "return text[:n]")
    assert judged(tmp_path, sampler.sample, counted, DRAWN | {"draw": draw}).result == "right"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "slots"),
    [
        ("likeliest", {"draw": "x = int(np.argmax(p))"}),
        ("uniform", {"draw": "x = int(rng.integers(len(p)))"}),
        ("temperature", {"draw": "p = p ** 2 / (p ** 2).sum(); x = int(rng.choice(len(p), p=p))"}),
        ("fixed_input", {"input": "first", "start": "first = x"}),
        ("h_ignored", {"start": "h = 0 * h"}),
        ("state_lost", {"state": "_"}),
        ("first_twice", {"start": "_, h = following(weights, h, x)"}),
        ("used_state", {"start": "h = kept.get(0, h)", "draw": DRAWN["draw"] + "; kept[0] = h"}),
    ],
)
def test_a_wrong_sampler_has_its_name(tmp_path, fault, slots):
    verdict = judged(tmp_path, sampler.sample, "kept = {}\n" + SAMPLER, DRAWN | slots)
    assert [f.sentences for f in verdict.findings] == [(faults()["sample"][fault],)]


def test_a_generator_of_its_own_is_found(tmp_path):
    slots = DRAWN | {"start": "rng = np.random.default_rng(1)", "draw": "x = int(rng.choice(len(p), p=p))"}
    assert "every text is the same" in judged(tmp_path, sampler.sample, SAMPLER, slots).findings[0].sentences[0]


def test_wrong_answers_are_not_graded():
    for value in (None, "text", {"array": [[1, 2]], "dtype": "int64"}, {"array": [7] * loop.UPDATES, "dtype": "int64"}):
        student = SimpleNamespace(call=lambda *_, value=value: [Answer([value], [[]], "", {})])
        with pytest.raises(Unreadable):
            loop.judge(student)
