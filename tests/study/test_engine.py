"""Workers that end, that are of another kind, or that come late: what becomes of the trials."""

import pickle
import re
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import chdir
from pathlib import Path

import pytest
from projects import ROOT

from charloom.base.errors import CheckFailed, Unavailable
from charloom.results.identity import arithmetic_of
from charloom.results.run import TRAINED, Run
from charloom.settings.params import read_params
from charloom.settings.pipeline import files
from charloom.study.engine import checked_trial, identity, outcomes
from charloom.study.trial import Trial
from charloom.text.corpus import Text, read_prepared

KIND = "adagrad float64"
PARAMS = read_params(ROOT / "params.yaml")


class Worker(Executor):
    """Answers with its identity and a run or a text; an exception is raised. The last answer comes again and again."""

    def __init__(self, own, *answers):
        self.own, self.answers, self.count = own, list(answers), 0

    def submit(self, *_):
        self.count += 1
        answer, future = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0], Future()
        future.set_exception(answer) if isinstance(answer, Exception) else future.set_result((self.own, answer))
        return future


class Workers:
    """Those of a list, each there as long as it is not lost; a lost one is replaced by the next, or all are at once."""

    losses = (BrokenExecutor,)
    may_come = False
    threads = 1

    def __init__(self, *workers: Worker, at_once: bool = False):
        self.waiting = [] if at_once else list(workers)
        self.now = {f"worker {n}": worker for n, worker in enumerate(workers)} if at_once else {}

    def there(self):
        if not self.now and self.waiting:
            self.now = {f"worker {len(self.waiting)}": self.waiting.pop(0)}
        return self.now

    def text(self):
        return Path("text.npz")

    def lost(self, name):
        del self.now[name]


def ended(*workers: Worker, **others):
    trial = Trial("eta=0.1", 1, PARAMS, "a key")
    with chdir(ROOT):
        return [answer for answer in outcomes([trial], Workers(*workers, **others), "a text") if answer]


def run(**others) -> Run:
    return Run(PARAMS, "a text", TRAINED, None, {}, "")._replace(**others)


def dead() -> BrokenExecutor:
    return BrokenExecutor("killed")


def test_this_process_has_the_arithmetic_of_the_committed_signature():
    with chdir(ROOT):
        for kind in ("adagrad float64", "adagrad float32"):
            assert identity(kind)[f"{kind} arithmetic"] == arithmetic_of(kind)


def test_a_process_trains_only_if_it_is_as_expected(finished):
    with chdir(finished.folder):
        params, text = read_params(), files("train")["prepared/text"]
    own = identity(KIND)
    facts, answer = checked_trial(params, own | {"charloom": "9.9"}, finished.folder / text, "a text", 1)
    assert (facts, answer) == (own, "not trained")
    facts, answer = checked_trial(params, own, finished.folder / text, "a text", 1)
    assert (facts, answer.outcome) == (own, TRAINED)
    read = read_prepared(finished.folder / text)
    pickled = pickle.dumps(Text(read.vocabulary, read.training[:], read.held_out[:]))  # as workers of a cluster get it
    assert checked_trial(params, own, pickled, "a text", 1) == (own, answer)
    assert checked_trial(params, own, Path("none.npz"), "a text", 1)[1].startswith("Damaged: none.npz: ")


def test_a_worker_gets_the_trial_once():
    worker = Worker(identity(KIND), run())
    assert [outcome for _, outcome in ended(worker)] == [run()]
    assert worker.count == 1


@pytest.mark.parametrize(
    ("facts", "answer", "why"),
    [({"adagrad float64 arithmetic": "0123"}, "not trained", "its adagrad float64 arithmetic is 0123, not "),
     ({"charloom": "9.9"}, "not trained", "its charloom is 9.9, not "), (None, None, "its charloom is None, not "),
     ({}, AttributeError("no checked_trial"), "AttributeError: no checked_trial\n"),
     ({}, ValueError("9" * 9999), f"ValueError: {'9' * 88}\n")],
    ids=["arithmetic", "version", "none", "no function", "long"],
)  # fmt: skip
def test_another_arithmetic_and_another_version_are_left_out_by_name(facts, answer, why, capsys):
    worker = Worker(identity(KIND) | facts if isinstance(facts, dict) else facts, answer)
    with pytest.raises(CheckFailed, match="no worker is left: the lines above say why"):
        ended(worker)
    assert worker.count == 1
    assert f"worker worker 1 is left out: {why}" in capsys.readouterr().err


class Gone(Worker):
    """Has ended when it is given a trial."""

    def submit(self, *_):
        raise dead()


@pytest.mark.parametrize("lost", [Worker(None, dead()), Gone(None)], ids=["at work", "idle"])
def test_a_trial_goes_to_the_next_worker_where_one_ends(lost):
    assert len(ended(*[lost] * 3, Worker(identity(KIND), run()))) == 1
    with pytest.raises(Unavailable, match=r"^eta=0\.1, seed 1: 4 workers have failed at this; is there too little"):
        ended(*[lost] * 4)


@pytest.mark.parametrize(
    ("answer", "why"),
    [("MemoryError: full", "MemoryError: full"), (r"KeyError: 'x\ny'", r"KeyError: 'x\ny'"),
     (run(text_sha256="another"), "its answer is not a run of this trial")],
    ids=["memory", "two lines", "another text"],
)  # fmt: skip
def test_what_is_no_run_of_the_trial_is_not_taken(answer, why, capsys):
    """Its worker is left out, and another one gets the trial, until four have failed."""
    failing = {f"worker {n}": Worker(identity(KIND), answer) for n in range(4)}
    assert len(ended(failing["worker 0"], Worker(identity(KIND), run()), at_once=True)) == 1
    line = f"eta=0.1, seed 1: 4 workers have failed at this; the last error: {why}"
    with pytest.raises(Unavailable, match=f"^{re.escape(line)}$"):
        ended(*failing.values(), at_once=True)
    lines = {f"warning: worker {name} is left out: eta=0.1, seed 1: {why}" for name in failing}
    assert set(capsys.readouterr().err.splitlines()) == lines
