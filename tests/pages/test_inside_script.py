"""The page that looks inside: what its script computes is what Python computes."""

import hashlib
import json
import math
import re
import subprocess
from base64 import b64encode
from contextlib import chdir
from dataclasses import replace

import numpy as np
import pytest
from harmless import Page
from live import NODE, needs_node, numbers, params_with
from pages.test_live_script import NOVEL, data_of
from projects import ROOT

from charloom.core.kernel.advance import advance
from charloom.core.model.scoring import score
from charloom.core.network.normal import R
from charloom.core.network.recipe import KERNEL
from charloom.core.network.rnn import NAMES, Parameters, loss_and_gradients
from charloom.core.network.state import initial_state
from charloom.core.text.corpus import Text
from charloom.core.text.vocabulary import Vocabulary
from charloom.pages.live.inside_page import CHECKS, LARGEST, STAGE, example_text, inside_page, next_sequence
from charloom.pages.sections import TEMPLATES
from rnncheck.backward import STAGES, forward, gradients
from rnncheck.cases import LONG, Case, K, M, assignment_case, cases
from rnncheck.diagnosis import called
from rnncheck.gradient import NOTICED
from rnncheck.verdicts import faults

FAULTS = [{}, *(dict([name.split(".")]) for stage in STAGES for name in CHECKS["faults"][stage].values())]


def asked(*calls):
    """Return what these functions of passes.js return: each call is a name and its arguments."""
    request = json.dumps({"script": str(TEMPLATES / "passes.js"), "calls": calls})
    command = [NODE, ROOT / "tests/passes.mjs"]
    said = subprocess.run(command, input=request, text=True, capture_output=True, check=False)
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


@pytest.fixture
def page(finished, results):
    with chdir(finished.folder):
        return inside_page(results)


def weights_of(base64, m):
    """Return the weights of m hidden units that the page holds."""
    held = numbers(base64).copy()
    return Parameters(held, m, (len(held) - m * m - m) // (2 * m + 1))


def rows_of(theta):
    """Return the weights as lists of rows, as functions of passes.js take them; b and c are columns."""
    return {name: getattr(theta, name).reshape(len(getattr(theta, name)), -1).tolist() for name in NAMES}


def cases_of(page):
    """Return the cases of both checks that the page holds: as passes.js takes them, and as arrays."""
    given, held, arrays = data_of(page)["checks"], [], []
    for case in (*given["assignment"], *given["grade"]):
        theta = weights_of(case["weights"], len(case["h"]))
        held.append(case | {"weights": rows_of(theta)})
        weights = {name: getattr(theta, name) for name in NAMES}
        arrays.append(Case("", weights, *(np.array(case[name]) for name in "hxy")))
    return held, arrays


def test_the_page_has_every_gradient_fault_and_runs_only_our_script(page):
    options = [option["value"] for option in Page(page).all("option") if option["value"]]
    pairs = {
        (stage, faults()[stage][key])
        for stage, keys in STAGES.items()
        for key in keys
        if key and "from_before" not in key
    }
    named = {faults()[stage][key] for stage, key in (value.split(".") for value in options)}
    assert named == {sentence for _, sentence in pairs}
    assert len(options) == len(pairs)
    assert {sentence for sentence in named if sentence not in Page(page).text} == set()
    assert STAGE.keys() == STAGES.keys()
    policy = next(tag["content"] for tag in Page(page).all("meta") if "http-equiv" in tag)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts]
    allowed = f"default-src 'none'; style-src 'unsafe-inline'; script-src {' '.join(hashes)}; img-src data:"
    assert policy == allowed


def test_no_number_of_the_cases_depends_on_the_processor():
    """NumPy's normal numbers depend on it in the tail, |x| > R, alone."""
    for case in (assignment_case(M, K, LONG), *cases()):
        sigma = dict.fromkeys(NAMES, 0.01 if "assignment" in case.name else 0.5)
        sigma["V"] *= 10 if "beyond" in case.name else 1
        drawn = [case.weights[name] / sigma[name] for name in NAMES] + [case.h / np.sqrt(1 - case.h**2)]
        assert max(abs(values).max() for values in drawn) < R


def test_a_page_of_a_large_model_holds_no_model_and_says_so(results):
    K, m = len(results.best.vocabulary), LARGEST + 1
    theta = Parameters(np.zeros(m * m + 2 * m * K + m + K), m, K)
    large = inside_page(results._replace(best=replace(results.best, theta=theta, h=np.zeros(m))))
    assert "The model of this run has 257 hidden units. The page holds models of up to 256, so" in Page(large).text
    assert data_of(large).keys() == {"vocabulary", "text", "recipe", "start", "limit", "checks"}
    assert {"break"} == {section["id"] for section in Page(large).all("section")}
    assert len(large) < 300_000


LINE = "the training text has some words,\nwhich are more than the page shows, as"


@pytest.mark.parametrize(("training", "held_out", "text"), [
    ("x", f"d of one. {LINE} they all do.", f"of one. {LINE}"), (f"d {LINE} long.", "", LINE),
    (f" {LINE} long.", "d is\nit.", f"is\nit. {LINE}"), ("一二三四。" * 99, "", "一二三四。" * 16),
], ids=["held out", "nothing held out", "little held out", "no spaces"])  # fmt: skip
def test_the_text_to_read_begins_as_whole_words_of_the_projects_own(training, held_out, text):
    vocabulary = Vocabulary("".join(sorted({*training, *held_out})))
    assert example_text(Text(vocabulary, vocabulary.encode(training), vocabulary.encode(held_out))) == text


def test_the_page_reads_a_passage_of_the_held_out_text_until_one_types(page, results):
    (text,) = [text for around, text in Page(page).texts if "textarea" in around]
    assert len(text) > 40
    assert text in results.best.vocabulary.decode(results.corpus.held_out)


def test_the_passage_is_the_sequence_of_its_update_also_at_an_epoch_start(results):
    params, epoch = results.params, results.train.updates_per_epoch
    state = initial_state(params.recipe, len(results.best.vocabulary), params.seed)
    for update in range(epoch + 2):
        rows = advance(state, results.corpus.training, 1, params.recipe)
        if update in (0, 1, epoch - 1, epoch, epoch + 1):
            best = replace(results.best, theta=state.theta, h=state.carried, update=update)
            ids = np.array(next_sequence(results._replace(best=best))[: params.seq_length + 1])
            loss, _, _ = loss_and_gradients(best.theta, ids[:-1], ids[1:], best.h)
            assert loss == pytest.approx(rows.losses[0], rel=1e-12)
            assert best.h.any() == (update not in (0, epoch))
        state = rows.after


@needs_node
def test_the_script_has_the_faults_of_the_backward_pass_under_the_same_names():
    (keys,) = asked(["keys"])
    assert keys.keys() == STAGES.keys()
    in_script = [{stage: key} for stage in keys for key in keys[stage] if key]
    assert sorted(map(str, in_script)) == sorted(map(str, FAULTS[1:]))


@pytest.mark.slow
@needs_node
def test_every_fault_has_the_gradient_and_both_checks_of_grade(page):
    held, arrays = cases_of(page)
    for own, grade in zip(arrays, [assignment_case(M, K, LONG), *cases()], strict=True):
        for name, value in grade.weights.items():
            assert own.weights[name].tolist() == value.tolist()
        assert (*own.h, *own.x, *own.y) == (*grade.h, *grade.x, *grade.y)
    calls = [(fault, *case.values()) for fault in FAULTS for case in held]
    answers = iter(asked(*(["gradients", *call] for call in calls)))
    errors = iter(asked(*(["errors", case, fault] for fault in FAULTS for case in held)))
    for fault in FAULTS:
        noticed = []
        for case in arrays:
            s, answer = forward(*case[1:]), next(answers)
            given = gradients(s, fault)
            check = called(case, s, s, given)
            for name, error in zip(NAMES, next(errors), strict=True):
                assert np.ravel(answer[name]) == pytest.approx(given[name].ravel(), rel=1e-10, abs=1e-10), (fault, name)
                own = abs(given[name] - gradients(s, {})[name]).max() / check.scale[name]
                assert error == pytest.approx(own, rel=1e-6, abs=1e-12), (fault, name)
                noticed.append((own > NOTICED, error > NOTICED))
        assert [one for one, _ in noticed] == [other for _, other in noticed], fault
        assert any(one for one, _ in noticed[len(NAMES) :]) == (fault != {})  # the check of grade notices every fault
        if fault in ({"slope": "tanh_of_square"}, {"W": "zero_before_first"}, {}):
            assert not any(one for one, _ in noticed[: len(NAMES)])  # the assignment's does not


@needs_node
def test_the_small_training_is_that_of_the_equations(page):
    held, updates = data_of(page), 40
    ids = [held["vocabulary"].index(character) for character in held["text"]]
    theta = weights_of(held["start"], held["recipe"]["m"])
    (losses,) = asked(["losses", rows_of(theta), ids, held["recipe"], {}, updates])
    squares, h, at = np.zeros_like(theta.flat), np.zeros(theta.m), 0
    for loss in losses:
        if at + LONG >= len(ids):
            h, at = np.zeros(theta.m), 0
        x, y = (np.array(ids[start : start + LONG]) for start in (at, at + 1))
        own, gradient, h = loss_and_gradients(theta, x, y, h)
        assert loss == pytest.approx(own, rel=1e-9)
        g = gradient.flat.clip(-5, 5)
        squares += g * g
        theta.flat[:] -= 0.1 * g / np.sqrt(squares + 2.2e-16)
        at += LONG
    assert losses[0] == pytest.approx(LONG * math.log(theta.K), rel=1e-3)


@pytest.mark.slow
@needs_node
@pytest.mark.parametrize(("m", "sigma"), [(100, 0.01), (17, 2.0)])
def test_a_text_costs_in_the_page_what_charloom_score_says(m, sigma):
    vocabulary, params = Vocabulary("".join(sorted(set(NOVEL)))), params_with(m=m, sigma=sigma)
    ids = vocabulary.encode(NOVEL[:50_000])
    after = advance(initial_state(params.recipe, len(vocabulary), 1), ids, 500, params.recipe).after
    theta, given = after.theta, vocabulary.encode(NOVEL[700_000:701_000]).tolist()
    rows = rows_of(theta)
    (read,) = asked(["forward", rows, after.carried.tolist(), given, given[1:]])
    own = score(theta, np.array(given), after.carried, KERNEL)
    assert read["losses"] == pytest.approx(own.nats, abs=1e-9)
    assert sum(read["losses"]) / len(own.nats) == pytest.approx(own.total / len(own.nats), abs=1e-9)
    (here,) = asked(["gradients", {}, rows, after.carried.tolist(), given[:25], given[1:26]])
    _, there, _ = loss_and_gradients(theta, np.array(given[:25]), np.array(given[1:26]), after.carried)
    for name in NAMES:
        assert np.ravel(here[name]) == pytest.approx(getattr(there, name).ravel(), abs=1e-9)
