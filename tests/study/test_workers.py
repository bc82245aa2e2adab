"""Processes that end, have other code, or fail: what becomes of the trials. tests/all/test_cluster.py has Dask's."""

import multiprocessing
from contextlib import chdir
from pathlib import Path

import pytest
from projects import ROOT

from charloom.core.base.errors import CheckFailed, Unavailable
from charloom.core.config.pipeline import files
from charloom.core.config.reading import read_params
from charloom.core.text.corpus import read_prepared
from charloom.core.training.headline import TRAINED
from charloom.results.keys import arithmetic_of
from charloom.study.study_file import Trial
from charloom.study.trial import checked_trial, code_digests
from charloom.study.workers import Task, outcomes

KIND = "adagrad float64"


@pytest.fixture(scope="module")
def trials(finished) -> list[Trial]:
    with chdir(finished.folder):
        params = read_params()
    return [Trial(f"seed {n}", params.model_copy(update={"seed": n}), f"key {n}") for n in range(6)]


@pytest.fixture(scope="module")
def task(finished) -> Task:
    with chdir(finished.folder):
        return Task([KIND], finished.folder / files("train")["prepared/text"], "a text")


def test_this_process_has_the_arithmetic_of_the_committed_signature():
    with chdir(ROOT):
        for kind in (KIND, "adagrad float32"):
            assert code_digests([kind])[f"{kind} arithmetic"] == arithmetic_of(kind)


def test_a_process_trains_only_with_the_code_of_the_study(trials, task):
    own, params = code_digests([KIND]), trials[1].params
    for name in own:
        with pytest.raises(CheckFailed, match=rf"^the worker on \S+ has other code: its {name} is {own[name]}, not 01"):
            checked_trial(params, own | {name: "01"}, task.text, "a text", 1)
    trained = checked_trial(params, own, task.text, "a text", 1)
    assert trained.outcome == TRAINED
    assert checked_trial(params, own, read_prepared(task.text), "a text", 1) == trained  # as a cluster's worker gets it


@pytest.mark.slow
def test_the_trials_of_a_lost_process_are_trained_again(trials, task, capsys):
    ended, killed = dict[str, str](), False
    for answer in outcomes(trials, task, 2):
        if answer:
            ended[answer[0].key] = answer[1].results
        if answer and not killed:
            multiprocessing.active_children()[0].kill()
            killed = True
    assert ended == {trial.key: answer.results for trial, answer in filter(None, outcomes(trials, task, 1))}
    assert capsys.readouterr().err == "a worker was lost (too little memory?), and its trials start again\n"
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_a_trial_that_fails_is_tried_four_times(trials, task):
    with pytest.raises(Unavailable, match=r"^seed 0: 4 attempts failed; the last: none\.npz: \[Errno 2\] No such file"):
        list(outcomes(trials[:1], task._replace(text=Path("none.npz")), 1))
