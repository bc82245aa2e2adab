"""A right program is right, and a fault has its name, in every layout: no name is wrong, no right program accused."""

from itertools import combinations

import numpy as np
import pytest
from layouts import CLASS, FUNCTIONS, LAYOUTS, LISTS, ROWS
from layouts import gradients as program

import rnncheck
from rnncheck.backward import FORWARD, LAST, LOSS, RIGHT, STAGES, STATES, forward, gradients, within_5
from rnncheck.cases import About, assignment_case, cases
from rnncheck.checking import checked
from rnncheck.verdicts import faults, sentence

STAGE = {"target": "g", "slope": "slope", "carry": "carry", "before": "W", "add": "U"}
SLOW = pytest.mark.slow
FLOAT32 = 1e-4  # above 30 times what a float32 pass loses
KEYS = [(stage, key) for stage, keys in STAGES.items() for key in keys if key]
SINGLE = [{}, *({stage: key} for stage, key in KEYS)]


def judged(layout, *wrong, **options):
    return rnncheck.check(gradients=program(layout, *wrong), quiet=True, **options).parts[0]


def flat(choice, names="WUVbc"):
    """Return the gradients with these faults in all cases, each in units of the largest entry of the right one."""
    parts = []
    for case in cases():
        s = forward(*case[1:])
        right, wrong = gradients(s, {}), gradients(s, choice)
        largest = max(abs(value).max() for value in right.values())
        parts += [(wrong[n] / max(abs(right[n]).max(), 1e-3 * largest)).ravel() for n in names]
    return np.concatenate(parts)


def test_any_two_explanations_differ_beyond_float32_or_have_one_sentence():
    vectors = [flat(choice) for choice in SINGLE]
    for (one, first), (other, second) in combinations(zip(vectors, SINGLE, strict=True), 2):
        assert abs(one - other).max() > FLOAT32 or sentence(first) == sentence(second), (first, second)


def test_the_matrices_from_which_a_stage_is_named_tell_its_faults_apart():
    slopes = [choice for choice in SINGLE if not choice.keys() - set(STATES)]
    vectors = [flat(choice, "bU") for choice in slopes]
    for (one, first), (other, second) in combinations(zip(vectors, slopes, strict=True), 2):
        assert abs(one - other).max() > FLOAT32 or sentence(first) == sentence(second), (first, second)


def test_every_fault_has_a_sentence():
    assert {stage: set(keys) - {RIGHT} for stage, keys in STAGES.items()} == {s: set(faults()[s]) for s in STAGES}
    assert {*FORWARD, *LOSS, *LAST} - {RIGHT} == set(faults()["forward"])


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_right_program_is_right_in_every_layout(name):
    verdict = judged(LAYOUTS[name])
    assert (verdict.result, verdict.findings) == ("right", ())


ALL = {(fault, name): name for name, layout in LAYOUTS.items() for fault in layout.faults}
ONCE = dict(reversed(ALL))  # the first layout that has the fault
FAULTS = [
    pytest.param(name, fault, marks=[SLOW] * (ONCE[fault] != name or name in {"float32", "kept"}))
    for fault, name in ALL
]


@pytest.mark.parametrize(("name", "fault"), FAULTS)
def test_a_fault_has_its_name_in_every_layout(name, fault):
    layout = LAYOUTS[name]
    verdict = judged(layout, fault)
    says = sentence({STAGE[layout.faults[fault][0]]: fault})
    assert verdict.result == "wrong"
    assert [finding.sentences for finding in verdict.findings] == [(says,)]
    assert verdict.findings[0].named


PAIRS = [("factor", "zero_before_first"), ("tanh_of_square_but_last", "transposed"), ("added_up", "assigned")]


@pytest.mark.parametrize("pair", PAIRS)
def test_faults_of_two_stages_and_of_one_are_both_named(pair):
    verdict = judged(CLASS, *pair)
    text = " ".join(f.sentences[0] for f in verdict.findings)
    assert all(sentence({STAGE[CLASS.faults[fault][0]]: fault}) in text for fault in pair)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_no_pair_of_faults_has_a_wrong_name(name):
    layout = LAYOUTS[name]
    for pair in combinations(layout.faults, 2):
        if len({layout.faults[fault][0] for fault in pair}) == 2:
            verdict = judged(layout, *pair)
            assert verdict.result == "wrong"
            choice = {STAGE[layout.faults[fault][0]]: fault for fault in pair}
            for finding in verdict.findings:
                if finding.named and len(finding.sentences) == 1:
                    for says in finding.sentences[0].split("; and "):
                        assert says in sentence(choice)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_right_programs_of_200_sizes_and_seeds_are_right(name):
    rng = np.random.default_rng(9)
    for seed in range(200 // len(LAYOUTS) + 1):
        m, K = rng.choice(np.arange(2, 40), 2, replace=False).tolist()  # equal ones hide a transposed matrix
        lengths = (1, 2, int(rng.integers(3, 12)), int(rng.integers(12, 40)))
        verdict = checked({"gradients": program(LAYOUTS[name])}, About(str(seed), m, K, lengths), None).parts[0]
        assert (verdict.result, verdict.findings) == ("right", ()), (m, K, seed)


def test_the_assignments_check_misses_a_zero_state_and_a_square_inside_tanh():
    s = forward(*assignment_case(5, 11, 25)[1:])
    right = gradients(s, {})
    for choice, least, most in (
        ({"W": "zero_before_first"}, 0, 1e-12),
        ({"slope": "tanh_of_square"}, 0, 1e-6),
        ({"W": "last_before_first"}, 0.01, 10),
    ):
        wrong = gradients(s, choice)
        error = max(abs(wrong[n] - right[n]).max() / abs(right[n]).max() for n in "WUVbc")
        assert least <= error <= most


def test_an_unknown_fault_is_located_and_dw_is_judged_by_the_programs_own_deltas():
    layout = FUNCTIONS._replace(faults={**FUNCTIONS.faults, "odd": ("carry", "0.9 * np.dot(W.T, draw)")})
    unknown, zero = judged(layout, "odd", "zero_before_first").findings
    assert not unknown.named
    assert "wrong are t = 0" in unknown.sentences[0]
    assert zero.sentences == (sentence({"W": "zero_before_first"}),)


def test_a_mean_that_is_taken_twice_is_one_factor():
    verdict = judged(ROWS._replace(right=ROWS.right | {"target": "(self.P - self.Y) / T**2"}))
    assert [f.sentences for f in verdict.findings] == [(sentence({"g": "factor"}),)]


def test_a_way_back_that_ends_one_step_early_is_named():
    verdict = judged(
        ROWS._replace(right=ROWS.right | {"slope": "(t > 0 or T == 1) - self.hs[t + 1] ** 2 * (t > 0 or T == 1)"}),
    )
    assert verdict.findings[0].sentences == (sentence({"d": "without_first"}),)


def test_a_program_that_works_at_its_own_size_is_checked_there():
    layout = LISTS._replace(map=LISTS.map.replace("student.K = K = len", "K = len"))
    assert judged(layout).result == "not checked"
    assert judged(layout, sizes=(10, 83, 25)).result == "right"
    (finding,) = judged(layout, "zero_before_first", sizes=(10, 83, 25)).findings
    assert finding.sentences == (sentence({"W": "zero_before_first"}),)


def test_a_matrix_that_no_case_clips_is_not_called_unclipped():
    assert any("clips" in note for note in judged(CLASS, sizes=(7, 11, 9)).notes)
    assert not any("but not" in note for note in judged(CLASS, sizes=(7, 11, 9)).notes)


CLIPPED = {
    "by value": ("np.clip(grads[name], -5, 5)", "it clips W, U, V, b, c to ±5 itself"),
    "by each norm": (
        "grads[name] * min(1, 5 / np.linalg.norm(grads[name]))",
        "it clips gradients by their norm itself",
    ),
    "by one norm": ("grads[name] * min(1, 5 / norm)", "it clips gradients by their norm itself"),
}


def clipping(clipped, fault="pass"):
    """Return a program that clips its gradients, after `fault` has changed them."""
    text = FUNCTIONS.map.replace("return loss, dict(", "grads = dict(").replace(", last", "")
    text = text.replace("loss, *grads = lossFun", "loss, *grads, last = lossFun")
    text += f"""    {fault}
    norm = sum((g ** 2).sum() for g in grads.values()) ** 0.5
    return loss, {{name: {clipped} for name in grads}}, last
"""
    return FUNCTIONS._replace(map=text)


@pytest.mark.parametrize("way", CLIPPED)
def test_clipping_inside_is_named_and_accepted(way):
    clipped, note = CLIPPED[way]
    verdict = judged(clipping(clipped))
    assert (verdict.result, verdict.notes) == ("right", (note,))


@pytest.mark.parametrize(
    ("bound", "norm", "fault"),
    [
        (1, "norm", "grads['dW'] *= 0"),
        (0.5, "norm", "grads['dV'] *= 0"),
        (1, "norm", "grads['dc'] *= 0"),
        (0.5, "norm", "grads['dW'] *= 0.5"),
        (5, "norm", "grads['db'] /= len(x)"),
        (0.5, "np.linalg.norm(grads[name])", "grads['dW'] *= 0"),
        (0.5, "np.linalg.norm(grads[name])", "grads['dc'] *= 0"),
    ],
)
def test_clipping_by_a_norm_hides_no_wrong_gradient(bound, norm, fault):
    clipped = f"grads[name] * min(1, {bound} / ({norm} + 1e-6))"  # as PyTorch clips
    assert judged(clipping(clipped)).notes == (CLIPPED["by one norm"][1],)
    assert judged(clipping(clipped, fault)).result == "wrong"


def test_a_small_error_without_clipping_is_no_clipping():
    assert judged(clipping("grads[name] * (1 + 4e-6 * (name == 'dW'))")).result == "wrong"


LOOP = "        for g in [{}]:\n            np.clip(g, -5, 5, out=g)\n    return loss, dW"


@pytest.mark.parametrize("seed", ["", "s1"])
@pytest.mark.parametrize("clipped", ["dnext", pytest.param("dW, dU, dV, db, dc, dnext, draw", marks=SLOW)])
def test_the_verdict_names_clipping_inside_the_loop(clipped, seed):
    layout = FUNCTIONS._replace(program=FUNCTIONS.program.replace("    return loss, dW", LOOP.format(clipped)))
    verdict = judged(layout, seed=seed)
    assert (verdict.result, verdict.findings) == ("right", ())
    assert verdict.about.startswith("but it clips")
    assert judged(layout, "zero_before_first", seed=seed).result == "wrong"


def test_every_seed_has_a_longest_case_that_no_clipping_on_the_way_back_changes():
    for seed in ["", *map(str, range(100))]:
        assert any(len(case.x) == 25 and within_5(forward(*case[1:])) for case in cases(About(seed)))


@pytest.mark.parametrize("condition", ["t > T - 10", "t > T - 20", "t % 10"])
def test_a_way_back_that_ends_early_in_long_sequences_is_wrong(condition):
    layout = FUNCTIONS._replace(right=FUNCTIONS.right | {"carry": f"np.dot(W.T, draw) * bool({condition})"})
    assert judged(layout, seed="s1").result == "wrong"


BEFORE = {"from_before": "das[t - 1]", "from_before_unsloped": "es[t - 1]"}


@pytest.mark.parametrize("fault", BEFORE)
def test_a_carry_from_the_step_before_is_named(fault):
    text = FUNCTIONS.program.replace(
        "dnext, T = np.zeros_like(b), len(inputs)", "T = len(inputs); das, es = np.zeros((2, T, len(b)))"
    )
    text = text.replace("+ dnext", f"+ np.dot(W.T, {BEFORE[fault]})").replace(
        "db += draw", "db += draw; das[t], es[t] = draw, dh"
    )
    verdict = judged(FUNCTIONS._replace(program=text, right=FUNCTIONS.right | {"carry": "0"}))
    assert [f.sentences for f in verdict.findings] == [(sentence({"carry": fault}),)]
