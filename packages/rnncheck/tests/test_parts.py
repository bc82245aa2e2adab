"""Steps, loops and samplers: right ones are right, and wrong ones have their names."""

from itertools import combinations

import numpy as np
import pytest

import rnncheck
from rnncheck import loop, steps
from rnncheck.cases import weights
from rnncheck.verdicts import Unreadable, faults

FROM_LN_K = "it returns the smooth loss from ln K"
SLOW = pytest.mark.slow
PARTS = ("gradients", "step", "losses", "following", "sample")
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


def test_a_step_that_keeps_its_memory_in_a_global_says_so():
    program = ADAGRAD.replace("import numpy as np", "import numpy as np\nkept = {}").replace("memory or {", "kept or {")
    program = program.replace("    return weights, memory", "    kept.update(memory)\n    return weights")
    assert (
        judged("step", program, RIGHT).about
        == "`step` keeps its memory between calls: at n = 1, the first step, start with a new one"
    )


EPSILONS = [("inside", 5e-9), ("outside", 5e-9), ("outside", float(np.finfo(np.float32).eps)), ("inside", 3e-7)]


@pytest.mark.parametrize(("place", "epsilon"), EPSILONS)
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


@pytest.mark.parametrize("start", [0.3, 1.0, 10.0])
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


def given_losses(shown="loss", dtype=float, T=1, **changed):
    rng = np.random.default_rng(8)
    theta = weights(loop.m, loop.K, 0.3, rng)
    ids = rng.choice(loop.K, loop.EPOCH * 25 + 1, p=np.array([8, 4, 2, 2, 1, 1, 1, 1]) / 20)
    losses = loop.losses(theta, ids, 25, None, {name: values[0] for name, values in loop.OPTIONS.items()} | changed)
    given, smooth = [], {"smooth_from_0": 0, "smooth loss from ln K": 25 / T * np.log(loop.K)}.get(shown)
    for _ in range(loop.UPDATES):
        loss = next(losses) / T
        smooth = loss if smooth is None else 0.999 * smooth + 0.001 * loss
        given.append(loss if shown == "loss" else smooth)
    return loop.judge_losses(np.array(given, dtype).astype(float), theta, ids, 25, None)


@pytest.mark.parametrize(
    ("changed", "note"),
    [
        ({}, None),
        pytest.param({"dtype": np.float32}, None, marks=SLOW),
        pytest.param({"rule": "Adam"}, None, marks=SLOW),
        pytest.param({"rule": "Adam with b2 = 0.99"}, None, marks=SLOW),
        pytest.param({"rule": "AdaGrad with epsilon 1e-08"}, None, marks=SLOW),
        pytest.param({"clip": "none"}, "clip: none", marks=SLOW),
        pytest.param({"clip": "by the norm to 5"}, "clip: by the norm to 5", marks=SLOW),
        pytest.param({"loss": "after the step"}, "loss: after the step", marks=SLOW),
        pytest.param({"end": "last sequence left out"}, "end: last sequence left out", marks=pytest.mark.slow),
        pytest.param({"shown": "smooth loss"}, "it returns the smooth loss", marks=SLOW),
        pytest.param(
            {"shown": "smooth loss", "dtype": np.float32}, "it returns the smooth loss", marks=pytest.mark.slow
        ),
        pytest.param(
            {"shown": "smooth loss from ln K"},
            "it returns the smooth loss from ln K",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_right_loop_is_right_and_its_variant_is_named(changed, note):
    verdict = given_losses(**changed)
    assert verdict.result == "right"
    assert verdict.notes == ((f"no fault: {note}",) if note else ())


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"state": "zero_state"}, marks=SLOW),
        pytest.param({"state": "first_state", "shown": "smooth loss"}, marks=SLOW),
        pytest.param({"state": "last_but_one", "rule": "Adam"}, marks=SLOW),
        pytest.param({"epoch": "kept_state", "shown": "smooth loss"}, marks=SLOW),
        pytest.param({"epoch": "kept_state", "rule": "Adam"}, marks=SLOW),
        pytest.param({"shown": "smooth_from_0"}, marks=SLOW),
        pytest.param({"memory": "new_memory"}, marks=SLOW),
        pytest.param({"memory": "new_memory_of_epoch", "rule": "Adam", "shown": "smooth loss"}, marks=SLOW),
        pytest.param({"targets": "unshifted"}, marks=SLOW),
        pytest.param({"memory": "new_memory", "rule": "Adam", "loss": "after the step"}, marks=SLOW),
        pytest.param({"epoch": "kept_state", "end": "last sequence left out"}, marks=SLOW),
        pytest.param({"clip": "plain_biases", "rule": "Adam"}, marks=SLOW),
        pytest.param({"W": "zero_before_first", "shown": "smooth loss"}, marks=SLOW),
        pytest.param({"W": "last_before_first", "rule": "Adam"}, marks=SLOW),
        pytest.param({"rule": "descent"}, marks=SLOW),
        pytest.param({"epoch": "kept_state", "W": "zero_before_first"}, marks=SLOW),
        pytest.param({"epoch": "kept_state", "shown": "smooth_from_0"}, marks=SLOW),
    ],
)
def test_a_wrong_loop_has_its_name(changed):
    verdict = given_losses(**changed)
    assert verdict.result == "wrong"
    says = [faults()["loop"][value] for value in changed.values() if value in faults()["loop"]]
    assert verdict.findings[0].sentences == ("; and ".join(says),)


@pytest.mark.slow
def test_losses_that_drift_are_not_called_a_fault_also_if_they_are_smoothed():
    rng = np.random.default_rng(8)
    theta = weights(loop.m, loop.K, 0.3, rng)
    ids = rng.choice(loop.K, loop.EPOCH * 25 + 1, p=np.array([8, 4, 2, 2, 1, 1, 1, 1]) / 20)
    right = loop.losses(theta, ids, 25, 0.1, {name: values[0] for name, values in loop.OPTIONS.items()})
    smooth = np.array([next(right)])
    for n in range(1, loop.UPDATES):
        smooth = np.append(smooth, 0.999 * smooth[-1] + 0.001 * next(right) * (1 + 0.01 * n))
    with pytest.raises(Unreadable, match="no known loop from update 2 on"):
        loop.judge_losses(smooth, theta, ids, 25, 0.1)


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
        pytest.param("x = int(np.searchsorted(np.cumsum(p), rng.random()))", marks=SLOW),
        pytest.param("x = int(np.nonzero(np.cumsum(p) > np.random.rand())[0][0])", marks=SLOW),
    ],
)
def test_a_right_sampler_is_right(draw):
    assert judged("sample", SAMPLER, DRAWN | {"draw": draw}).result == "right"
    assert judged("following", SAMPLER, DRAWN).result == "right"
    counted = SAMPLER.replace("text = []", "text = [x]").replace("return text", "return text[:n]")
    assert judged("sample", counted, DRAWN | {"draw": draw}).result == "right"


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
def test_a_wrong_sampler_has_its_name(fault, slots):
    verdict = judged("sample", "kept = {}\n" + SAMPLER, DRAWN | slots)
    assert [f.sentences for f in verdict.findings] == [(faults()["sample"][fault],)]


@pytest.mark.slow
def test_a_generator_of_its_own_is_found():
    slots = DRAWN | {"start": "rng = np.random.default_rng(1)", "draw": "x = int(rng.choice(len(p), p=p))"}
    assert judged("sample", SAMPLER, slots).findings[0].sentences == (faults()["sample"]["fixed_seed"],)


@pytest.mark.slow
def test_a_mean_with_a_smooth_loss_from_ln_k_is_right():
    verdict = given_losses(shown="smooth loss from ln K", T=25)
    assert verdict.result == "right"
    assert "from ln K" in verdict.notes[0]


@pytest.mark.slow
def test_a_sampler_that_reseeds_numpy_is_right_and_told_so():
    for start in ("np.random.seed(400)", "import random; random.seed(3)"):
        draw = DRAWN["draw"] if "np" in start else "x = random.choices(range(len(p)), p)[0]"
        verdict = judged("sample", SAMPLER, DRAWN | {"start": start, "draw": draw})
        assert (verdict.result, verdict.findings) == ("right", ())
        assert "every text is the same" in verdict.notes[0]
    wrong = judged("sample", SAMPLER, DRAWN | {"start": "np.random.seed(400)", "state": "_"})
    assert [f.sentences for f in wrong.findings] == [(faults()["sample"]["state_lost"],)]


@pytest.mark.parametrize("value", [None, "text", [[1, 2]], [7j] * loop.UPDATES, {}, [[1], [1, 2]], 10**400])
def test_wrong_results_are_not_checked(value):
    for verdict in rnncheck.check(**dict.fromkeys(PARTS, lambda *_: value), quiet=True).parts:
        if value is None and verdict.part == "step":  # weights that are changed in place
            assert verdict.findings[0].sentences == ("it does not change the weights",)
        else:
            assert (verdict.result, verdict.findings) == ("not checked", ())
