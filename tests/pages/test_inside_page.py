"""The page that looks inside: what its script computes is what Python computes."""

import hashlib
import json
import math
import re
import subprocess
from base64 import b64encode
from contextlib import chdir

import numpy as np
import pytest
from live import NODE, needs_node, params_with
from pages.test_live_script import NOVEL, data_of
from projects import ROOT
from rendered import Page

from charloom.core.kernel.advance import advance, start
from charloom.core.model.scoring import score
from charloom.core.network.rnn import NAMES, Parameters, loss_and_gradients
from charloom.core.text.vocabulary import Vocabulary
from charloom.grading.backward import STAGES, forward, gradients
from charloom.grading.cases import LONG, Case, K, M, assignment_case, cases
from charloom.grading.diagnosis import called
from charloom.grading.gradient import NOTICED
from charloom.grading.verdicts import faults
from charloom.pages.live.inside_page import STAGE, inside_page
from charloom.pages.sections import TEMPLATES

FAULTS = [{}, *({stage: key} for stage, keys in STAGES.items() for key in keys if key)]


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


def weights_of(rows):
    """Return the page's weights as arrays; b and c are columns there."""
    return {name: np.array(rows[name]).reshape(-1, *np.shape(rows[name])[1:] * (name in "WUV")) for name in NAMES}


def cases_of(page):
    """Return the cases of both checks that the page holds: as the page has them, and as arrays."""
    given = data_of(page)["checks"]
    held = [*given["assignment"], *given["grade"]]
    arrays = [Case("", weights_of(c["weights"]), *(np.array(c[name]) for name in "hxy")) for c in held]
    return held, arrays


def test_the_page_has_every_fault_of_the_gradient_with_its_sentence_and_runs_only_our_script(page):
    options = [option["value"] for option in Page(page).all("option") if option["value"]]
    named = {faults()[stage][key] for stage, key in (value.split(".") for value in options)}
    assert named == {sentence for stage in STAGES for sentence in faults()[stage].values()}
    assert len(options) == len(named | {(stage, s) for stage in STAGES for s in faults()[stage].values()}) - len(named)
    assert {sentence for sentence in named if sentence not in Page(page).text} == set()
    assert STAGE.keys() == STAGES.keys()
    policy = next(each["content"] for each in Page(page).all("meta") if "http-equiv" in each)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts]
    allowed = f"default-src 'none'; style-src 'unsafe-inline'; script-src {' '.join(hashes)}; img-src data:"
    assert policy == allowed


@needs_node
def test_the_script_has_the_faults_of_the_backward_pass_under_the_same_names():
    (keys,) = asked(["keys"])
    assert {stage: set(names) for stage, names in keys.items()} == {stage: set(STAGES[stage]) for stage in STAGES}


@needs_node
def test_every_fault_has_the_gradient_and_both_checks_of_grade(page):
    held, arrays = cases_of(page)
    for own, grade in zip(arrays, [assignment_case(M, K, LONG), *cases()], strict=True):
        for name, value in grade.weights.items():
            assert own.weights[name] == pytest.approx(value, abs=1e-9)
        assert own.h == pytest.approx(grade.h, abs=1e-9)
        assert (*own.x, *own.y) == (*grade.x, *grade.y)
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
                assert np.ravel(answer[name]) == pytest.approx(given[name].ravel(), rel=1e-12, abs=1e-12), (fault, name)
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
    (losses,) = asked(["losses", held["start"], ids, held["recipe"], {}, updates])
    start = weights_of(held["start"])
    theta = Parameters(np.concatenate([start[name].ravel() for name in NAMES]), *start["U"].shape)
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


@needs_node
@pytest.mark.parametrize(("m", "sigma"), [(100, 0.01), (17, 2.0)])
def test_a_text_costs_in_the_page_what_charloom_score_says(m, sigma):
    vocabulary, params = Vocabulary("".join(sorted(set(NOVEL)))), params_with(m=m, sigma=sigma)
    ids = vocabulary.encode(NOVEL[:50_000])
    after = advance(start(params.recipe, len(vocabulary), 1), ids, 500, params.recipe).after
    theta, given = after.theta, vocabulary.encode(NOVEL[700_000:701_000]).tolist()
    rows = {name: getattr(theta, name).reshape(len(getattr(theta, name)), -1).tolist() for name in NAMES}
    (read,) = asked(["forward", rows, after.carried.tolist(), given, given[1:]])
    own = score(theta, np.array(given), after.carried)
    assert read["losses"] == pytest.approx(own.nats, abs=1e-9)
    assert sum(read["losses"]) / len(own.nats) == pytest.approx(own.total / len(own.nats), abs=1e-9)
    (here,) = asked(["gradients", {}, rows, after.carried.tolist(), given[:25], given[1:26]])
    _, there, _ = loss_and_gradients(theta, np.array(given[:25]), np.array(given[1:26]), after.carried)
    for name in NAMES:
        assert np.ravel(here[name]) == pytest.approx(getattr(there, name).ravel(), abs=1e-9)
