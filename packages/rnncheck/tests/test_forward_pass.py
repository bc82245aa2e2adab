"""The forward pass of `gradients`: its loss and the state that it returns."""

import pytest
from layouts import CLASS, FUNCTIONS, ROWS
from test_gradients import STAGE, judged

from rnncheck.verdicts import sentence

SLOW = pytest.mark.slow


def test_a_gradient_is_judged_by_its_own_loss_if_the_forward_pass_is_wrong():
    program = FUNCTIONS.program.replace("np.dot(W, hs[t - 1]) + b)", "np.dot(W, hs[t - 1]))").replace("db += draw", "")
    verdict = judged(FUNCTIONS._replace(program=program))
    assert verdict.findings[0].sentences == (sentence({"forward": "no_b"}),)
    assert "right for the program's own loss" in verdict.about
    verdict = judged(FUNCTIONS._replace(program=program), "transposed")
    assert verdict.about == "the forward pass, and dW, dU"


def test_a_fault_of_the_forward_pass_is_named_if_the_loss_is_a_mean():
    verdict = judged(ROWS._replace(program=ROWS.program.replace("Y, [h0]", "Y, [0 * h0]")))
    assert verdict.findings[0].sentences == (sentence({"forward": "h_ignored"}),)


def test_a_loss_that_is_no_number_is_a_wrong_forward_pass_and_no_overflow():
    verdict = judged(ROWS._replace(program=ROWS.program.replace("return -np.mean", "return np.nan * np.mean")))
    assert "the case of 1 character, h_0 not zero is nan" in verdict.findings[0].sentences[0]
    assert not verdict.findings[0].named
    assert not any("overflows" in note for note in verdict.notes)


@pytest.mark.parametrize(
    ("line", "other", "begin"),
    [
        ("+ np.dot(W, hs[t - 1]) + b)", "+ 0.9 * np.dot(W, hs[t - 1]) + b)", "begins at t = 0, in a or h"),
        pytest.param("hs[t] = np.tanh(", "hs[t] = np.tanh(1.1 ** t * 1.0 * ", "begins at t = 1, in a or h", marks=SLOW),
        pytest.param("np.dot(V, hs[t]) + c", "1.1 * np.dot(V, hs[t]) + c", "in o, p or the loss", marks=SLOW),
        ("np.log(ps[t][targets[t]])", "2 * np.log(ps[t][targets[t]])", "in the loss: h is right, and so is p"),
        ("loss += ", "loss += (t > 3) * 0.1 ", "up to t = 1, loss and state are right"),
    ],
)
def test_a_wrong_forward_pass_is_located(line, other, begin):
    assert line in FUNCTIONS.program
    finding = judged(FUNCTIONS._replace(program=FUNCTIONS.program.replace(line, other))).findings[0]
    assert not finding.named
    assert begin in finding.sentences[0]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_softmax_that_overflows_gets_a_note_and_no_accusation():
    assert any("overflows" in note for note in judged(CLASS).notes)
    assert not any("overflows" in note for note in judged(FUNCTIONS).notes)


@pytest.mark.parametrize("log", ["np.log(Q + 1e-5)", "np.log(max(Q, 1e-6))"])
def test_a_guarded_logarithm_is_accepted(log):
    program = FUNCTIONS.program.replace("np.log(ps[t][targets[t]])", log.replace("Q", "ps[t][targets[t]]"))
    assert judged(FUNCTIONS._replace(program=program)).result == "right"


def test_a_state_between_calls_is_found():
    layout = FUNCTIONS._replace(
        program=FUNCTIONS.program.replace("    hs[-1] = np.copy(hprev)", "    hs[-1] = np.copy(kept.get(0, hprev))")
        .replace("seq_length, eta", "kept = {{}}\nseq_length, eta")
        .replace("    return loss, dW", "    kept[0] = hs[T - 1]\n    return loss, dW")
    )
    assert "keeps a state" in judged(layout).findings[0].sentences[0]


def test_a_state_that_only_the_first_call_sets_makes_the_loss_wrong():
    layout = FUNCTIONS._replace(
        program=FUNCTIONS.program.replace("np.copy(hprev)", "np.copy(kept.setdefault(0, hprev))").replace(
            "seq_length, eta", "kept = {{}}\nseq_length, eta"
        )
    )
    assert not judged(layout).findings[0].named


RETURNED = {"first_returned": "hs[-1]", "second_returned": "hs[0]", "previous_returned": "hs[T - 2]"}


@pytest.mark.parametrize("state", RETURNED)
@pytest.mark.parametrize("fault", [None, *(pytest.param(f, marks=SLOW) for f in ("zero_before_first", "transposed"))])
def test_a_wrong_returned_state_is_a_finding_beside_those_of_the_gradient(state, fault):
    layout = FUNCTIONS._replace(program=FUNCTIONS.program.replace("dc, hs[T - 1]", f"dc, {RETURNED[state]}"))
    verdict = judged(layout, *filter(None, [fault]))
    says = [sentence({"forward": state})]
    says += [sentence({STAGE[FUNCTIONS.faults[fault][0]]: fault})] if fault else []
    assert [(f.sentences, f.named) for f in verdict.findings] == [((text,), True) for text in says]


def test_missing_biases_and_the_first_state_returned_are_two_findings():
    text = FUNCTIONS.program.replace("np.dot(W, hs[t - 1]) + b)", "np.dot(W, hs[t - 1]))").replace(
        "hs[t]) + c", "hs[t])"
    )
    verdict = judged(FUNCTIONS._replace(program=text))
    assert verdict.findings[0].sentences == (sentence({"forward": "no_biases"}),)
    verdict = judged(FUNCTIONS._replace(program=text.replace("dc, hs[T - 1]", "dc, hs[-1]")))
    named = [f.sentences[0] for f in verdict.findings if f.named]
    assert named == [sentence({"forward": "no_biases"}), sentence({"forward": "first_returned"})]
