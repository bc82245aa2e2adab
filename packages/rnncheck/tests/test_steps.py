"""Steps of an optimiser: `check` accepts the right ones, and names the fault of a wrong one."""

from itertools import combinations

import numpy as np
import pytest

import rnncheck
from rnncheck import steps
from rnncheck.verdicts import faults

SLOW = pytest.mark.slow
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


def functions(program, slots):
    for name, text in slots.items():
        program = program.replace("{" + name + "}", text)
    names = {}
    exec(program, names)  # noqa: S102
    return names


def judged(part, program, slots, **options):
    report = rnncheck.check(**{part: functions(program, slots)[part]}, quiet=True, **options)
    return next(verdict for verdict in report.parts if verdict.part == part)


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
def test_a_right_step_is_right_and_its_rate_is_inferred(program, slots, about):
    verdict = judged("step", program, slots)
    assert (verdict.result, verdict.about) == ("right", about)


@pytest.mark.parametrize(
    ("program", "slots", "says"),
    [
        (ADAGRAD, RIGHT | {"sum": "memory[k] = g ** 2"}, "no sum over earlier steps"),
        (ADAGRAD, RIGHT | {"sum": "memory[k] = 0.9 * memory[k] + 0.1 * g ** 2"}, "RMSprop"),
        (ADAGRAD, RIGHT | {"sum": "memory[k] += abs(g)"}, "of |g|"),
        (ADAGRAD, RIGHT | {"root": "(memory[k] + 1e-16)"}, "root of the sum of squares is missing"),
        (ADAGRAD, RIGHT | {"root": "np.sqrt(memory[k] + 1e-4)"}, "epsilon is 0.0001"),
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
def test_a_wrong_step_has_its_name(program, slots, says):
    verdict = judged("step", program, slots)
    assert verdict.result == "wrong"
    (finding,) = verdict.findings
    assert says in finding.sentences[0]
    assert len(finding.sentences) == 1


def test_a_decorated_step_is_graded():
    head, body = ADAGRAD.split("def step", 1)
    wrapped = f"{head}def any_arguments(f):\n    return lambda *args: f(*args)\n\n@any_arguments\ndef step{body}"
    assert judged("step", wrapped, RIGHT).result == "right"


def test_the_next_step_gets_biases_in_the_documented_shape():
    slots = RIGHT | {"root": RIGHT["root"] + "; assert weights[k].ndim == (2 if k in 'WUV' else 1)"}
    program = ADAGRAD.replace("return weights,", "return {k: w.reshape(len(w), -1) for k, w in weights.items()},")
    assert judged("step", program, slots).result == "right"


def test_an_unknown_rule_is_not_checked():
    verdict = judged("step", ADAGRAD, RIGHT | {"gradient": "gradients[k] + 0.1"})
    assert (verdict.result, verdict.findings) == ("not checked", ())


def test_another_eta_is_noted():
    (note,) = judged("step", ADAGRAD, RIGHT, eta=0.05).notes
    assert note == "its eta is 0.1, and the constant eta is 0.05: is there a factor in the step?"


def test_the_verdict_names_a_memory_that_a_step_keeps_in_a_global():
    program = ADAGRAD.replace("import numpy as np", "import numpy as np\nkept = {}").replace("memory or {", "kept or {")
    program = program.replace("    return weights, memory", "    kept.update(memory)\n    return weights")
    assert (
        judged("step", program, RIGHT).about
        == "`step` keeps its memory between calls: at n = 1, the first step, start with a new one"
    )


@pytest.mark.parametrize(("place", "epsilon"), [("inside", 3e-7), ("outside", 5e-9)])
@pytest.mark.parametrize("base", ["AdaGrad", pytest.param("Adam", marks=SLOW)])
def test_any_small_epsilon_is_right(base, place, epsilon):
    options = {"inside": 0, "outside": 0, place: epsilon}
    verdict = by_rule((steps.ADAM if base == "Adam" else {}) | options)
    assert (verdict.result, verdict.findings) == ("right", ())
    assert verdict.about.startswith(base)
    large = by_rule((steps.ADAM if base == "Adam" else {}) | options | {place: 3e-4})
    assert (large.result, large.findings[0].named) == ("wrong", True)
    assert "0.0003" in large.findings[0].sentences[0]


def by_rule(options):
    def step(weights, gradients, memory, n):
        memory = [*(memory or []), gradients]
        moves = {k: steps.rule(np.array([g[k].ravel() for g in memory]), **options)[-1] for k in weights}
        return {k: w - 0.1 * moves[k].reshape(w.shape) for k, w in weights.items()}, memory

    return rnncheck.check(step=step, quiet=True).parts[1]


@pytest.mark.parametrize("start", [0.3, 10.0])
def test_a_sum_may_start_at_any_value(start):
    assert by_rule({"inside": start}).about == f"AdaGrad with a sum from {start:.2g}, eta 0.1"


@pytest.mark.parametrize("fault", faults()["step"], ids=lambda fault: fault["says"][:30])
def test_every_wrong_rule_has_its_name(fault):
    for options in fault["options"]:
        verdict = by_rule((steps.ADAM if fault.get("adam") else {}) | options)
        assert verdict.result == "wrong"
        assert [f.sentences for f in verdict.findings] == [(fault["says"],)], options


def test_a_right_rule_and_a_wrong_one_differ_for_every_eta():
    rng = np.random.default_rng(3)
    G = np.array([steps._spread((40,), rng) for _ in range(steps.STEPS)])
    moves = [(about, right, steps.rule(G, **options)) for about, right, options in steps.rules()]
    for (first, one_right, one), (second, other_right, other) in combinations(moves, 2):
        if not (one_right and other_right) and first != second:
            eta = (one * other).sum() / (other**2).sum()
            assert abs(one - eta * other).max() > 10 * steps.TOLERANCE * abs(one).max(), (first, second)
