"""A right program is right, and a fault has its name, in every layout: no name is wrong, no right program accused."""

from itertools import combinations

import numpy as np
import pytest
from inside import inside
from layouts import CLASS, FUNCTIONS, LAYOUTS, LISTS, ROWS, written

from charloom.core.network import rnn
from rnncheck import gradient
from rnncheck.backward import FORWARD, RIGHT, STAGES, STATES, forward, gradients
from rnncheck.cases import assignment_case, cases
from rnncheck.verdicts import faults, sentence

STAGE = {"target": "g", "slope": "slope", "carry": "carry", "before": "W", "add": "U"}
FLOAT32 = 1e-4  # above 30 times what a float32 pass loses
SINGLE = [{}, *({stage: key} for stage, keys in STAGES.items() for key in keys if key)]


def judged(folder, layout, *wrong):
    with inside(written(folder, layout, *wrong)) as student:
        return gradient.judge(student)


def flat(choice, names="WUVbc"):
    """Return the gradients with these faults in all cases, each in units of the largest entry of the right one."""
    parts = []
    for case in cases():
        s = forward(*case[1:])
        right, wrong = gradients(s, {}), gradients(s, choice)
        largest = max(abs(value).max() for value in right.values())
        parts += [(wrong[n] / max(abs(right[n]).max(), 1e-3 * largest)).ravel() for n in names]
    return np.concatenate(parts)


def test_the_right_pass_is_the_networks():
    for case in cases():
        theta = rnn.Parameters(np.concatenate([case.weights[n].ravel() for n in "WUVbc"]), *case.weights["U"].shape)
        loss, right, last = rnn.loss_and_gradients(theta, case.x, case.y, case.h)
        s = forward(*case[1:])
        assert s.losses.sum() == pytest.approx(loss, rel=1e-12)
        assert s.h[-1] == pytest.approx(last, abs=1e-12)
        for name, value in gradients(s, {}).items():
            assert value == pytest.approx(getattr(right, name), rel=1e-9, abs=1e-11)


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
    assert set(FORWARD) - {RIGHT} == set(faults()["forward"])


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_right_program_is_right_in_every_layout(tmp_path, name):
    verdict = judged(tmp_path, LAYOUTS[name])
    assert (verdict.result, verdict.findings) == ("right", ())


@pytest.mark.parametrize(("name", "fault"), [(n, f) for n, layout in LAYOUTS.items() for f in layout.faults])
def test_a_fault_has_its_name_in_every_layout(tmp_path, name, fault):
    layout = LAYOUTS[name]
    verdict = judged(tmp_path, layout, fault)
    says = sentence({STAGE[layout.faults[fault][0]]: fault})
    assert verdict.result == "wrong"
    assert [finding.sentences for finding in verdict.findings] == [(says,)]
    assert verdict.findings[0].named


PAIRS = [("factor", "zero_before_first"), ("tanh_of_square_but_last", "transposed"), ("added_up", "assigned")]


@pytest.mark.parametrize("pair", PAIRS)
def test_faults_of_two_stages_and_of_one_are_both_named(tmp_path, pair):
    verdict = judged(tmp_path, CLASS, *pair)
    text = " ".join(f.sentences[0] for f in verdict.findings)
    assert all(sentence({STAGE[CLASS.faults[fault][0]]: fault}) in text for fault in pair)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_no_pair_of_faults_has_a_wrong_name(tmp_path, name):
    layout = LAYOUTS[name]
    for pair in combinations(layout.faults, 2):
        if len({layout.faults[fault][0] for fault in pair}) == 2:
            verdict = judged(tmp_path / "-".join(pair), layout, *pair)
            assert verdict.result == "wrong"
            choice = {STAGE[layout.faults[fault][0]]: fault for fault in pair}
            for finding in verdict.findings:
                if finding.named and len(finding.sentences) == 1:
                    for says in finding.sentences[0].split("; and "):
                        assert says in sentence(choice)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_right_programs_of_200_sizes_and_seeds_are_right(tmp_path, monkeypatch, name):
    rng = np.random.default_rng(9)
    for seed in range(200 // len(LAYOUTS) + 1):
        m, K = rng.choice(np.arange(2, 40), 2, replace=False).tolist()  # equal ones hide a transposed matrix
        monkeypatch.setattr(gradient, "M", m)
        monkeypatch.setattr(gradient, "K", K)
        monkeypatch.setattr(gradient, "T", int(rng.integers(3, 12)))
        monkeypatch.setattr(gradient, "LONG", int(rng.integers(12, 40)))
        monkeypatch.setattr(gradient, "cases", lambda *sizes, seed=seed: cases(*sizes, seed=seed))
        verdict = judged(tmp_path / str(seed), LAYOUTS[name])
        assert (verdict.result, verdict.findings) == ("right", ()), (m, K, seed)


def test_the_assignments_own_check_does_not_show_a_zero_state_or_a_square_inside():
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


def test_an_unknown_fault_is_located_and_the_gradient_of_w_is_judged_by_the_programs_own_d(tmp_path):
    layout = FUNCTIONS._replace(faults={**FUNCTIONS.faults, "odd": ("carry", "0.9 * np.dot(W.T, draw)")})
    unknown, zero = judged(tmp_path, layout, "odd", "zero_before_first").findings
    assert not unknown.named
    assert "wrong are t = 0" in unknown.sentences[0]
    assert zero.sentences == (sentence({"W": "zero_before_first"}),)


def test_a_gradient_is_judged_by_its_own_loss_if_the_forward_pass_is_wrong(tmp_path):
    program = FUNCTIONS.program.replace("np.dot(W, hs[t - 1]) + b)", "np.dot(W, hs[t - 1]))").replace("db += draw", "")
    verdict = judged(tmp_path / "a", FUNCTIONS._replace(program=program))
    assert verdict.findings[0].sentences == (sentence({"forward": "no_b"}),)
    assert "right for the program's own loss" in verdict.about
    verdict = judged(tmp_path / "b", FUNCTIONS._replace(program=program), "transposed")
    assert verdict.about == "the forward pass, and dW, dU"


def test_a_fault_of_the_forward_pass_is_named_if_the_loss_is_a_mean(tmp_path):
    verdict = judged(tmp_path, ROWS._replace(program=ROWS.program.replace("Y, [h0]", "Y, [0 * h0]")))
    assert verdict.findings[0].sentences == (sentence({"forward": "h_ignored"}),)


def test_a_loss_that_is_no_number_is_a_wrong_forward_pass_and_no_overflow(tmp_path):
    verdict = judged(
        tmp_path, ROWS._replace(program=ROWS.program.replace("return -np.mean", "return np.nan * np.mean"))
    )
    assert "the case of 1 character, h_0 not zero is nan" in verdict.findings[0].sentences[0]
    assert not verdict.findings[0].named
    assert not any("overflows" in note for note in verdict.notes)


def test_a_mean_that_is_taken_twice_is_one_factor(tmp_path):
    verdict = judged(tmp_path, ROWS._replace(right=ROWS.right | {"target": "(self.P - self.Y) / T**2"}))
    assert [f.sentences for f in verdict.findings] == [(sentence({"g": "factor"}),)]


def test_a_way_back_that_ends_one_step_early_is_named(tmp_path):
    verdict = judged(
        tmp_path,
        ROWS._replace(right=ROWS.right | {"slope": "(t > 0 or T == 1) - self.hs[t + 1] ** 2 * (t > 0 or T == 1)"}),
    )
    assert verdict.findings[0].sentences == (sentence({"d": "without_first"}),)


def test_a_program_that_works_at_its_own_size_is_graded_there(tmp_path):
    layout = LISTS._replace(map=LISTS.map.replace("student.K = K = len", "K = len"))
    verdict = judged(tmp_path, layout)
    assert verdict.result == "right"
    assert "graded at m = 100, K = 83, seq_length = 25" in verdict.notes[-1]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_softmax_that_overflows_gets_a_note_and_no_accusation(tmp_path):
    assert any("overflows" in note for note in judged(tmp_path / "a", CLASS).notes)
    assert not any("overflows" in note for note in judged(tmp_path / "b", FUNCTIONS).notes)


def test_a_state_between_calls_is_found(tmp_path):
    layout = FUNCTIONS._replace(
        program=FUNCTIONS.program.replace("    hs[-1] = np.copy(hprev)", "    hs[-1] = np.copy(kept.get(0, hprev))")
        .replace("seq_length, eta", "kept = {{}}\nseq_length, eta")
        .replace("    return loss, dW", "    kept[0] = hs[T - 1]\n    return loss, dW")
    )
    assert "keeps a state" in judged(tmp_path, layout).findings[0].sentences[0]


def test_a_state_that_only_the_first_call_sets_is_found_by_a_second_window(tmp_path):
    layout = FUNCTIONS._replace(
        program=FUNCTIONS.program.replace("np.copy(hprev)", "np.copy(kept.setdefault(0, hprev))").replace(
            "seq_length, eta", "kept = {{}}\nseq_length, eta"
        )
    )
    assert "the case of a second window" in judged(tmp_path, layout).findings[0].sentences[0]


CLIPPED = {
    "by value": ("np.clip(grads[name], -5, 5)", "it clips W, U, V, b, c to ±5 itself"),
    "by each norm": (
        "grads[name] * min(1, 5 / np.linalg.norm(grads[name]))",
        "it clips gradients by their norm itself",
    ),
    "by one norm": ("grads[name] * min(1, 5 / norm)", "it clips gradients by their norm itself"),
}


@pytest.mark.parametrize("way", CLIPPED)
def test_clipping_inside_is_named_and_accepted(tmp_path, way):
    clipped, note = CLIPPED[way]
    text = FUNCTIONS.map.replace("return loss, dict(", "grads = dict(").replace(", last", "")
    text = text.replace("loss, *grads = lossFun", "loss, *grads, last = lossFun")
    text += f"""    norm = sum((g ** 2).sum() for g in grads.values()) ** 0.5
    return loss, {{name: {clipped} for name in grads}}, last
"""
    verdict = judged(tmp_path, FUNCTIONS._replace(map=text))
    assert (verdict.result, verdict.notes) == ("right", (note,))


@pytest.mark.parametrize(
    "log", ["np.log(Q + 1e-5)", "np.log(Q + 1e-16)", "np.log(np.clip(Q, 1e-10, 1))", "np.log(max(Q, 1e-6))"]
)
def test_a_guarded_logarithm_is_accepted(tmp_path, log):
    program = FUNCTIONS.program.replace("np.log(ps[t][targets[t]])", log.replace("Q", "ps[t][targets[t]]"))
    assert judged(tmp_path, FUNCTIONS._replace(program=program)).result == "right"
