"""Workers that end, that are of another kind, or that come late: what becomes of the trials."""

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
from charloom.study.local import note_part, processes
from charloom.study.trial import Trial

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
    """Those of a list, each there as long as it is not lost; a lost one is replaced by the next."""

    losses = (BrokenExecutor,)
    may_come = False
    threads = 1

    def __init__(self, *workers: Worker):
        self.waiting, self.now = list(workers), {}

    def there(self):
        if not self.now and self.waiting:
            self.now = {f"worker {len(self.waiting)}": self.waiting.pop(0)}
        return self.now

    def text(self):
        return Path("text.npz")

    def lost(self, name):
        del self.now[name]


def ended(*workers: Worker):
    trial = Trial("eta=0.1", 1, PARAMS, "a key")
    with chdir(ROOT):
        return [answer for answer in outcomes([trial], Workers(*workers), "a text") if answer]


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
    assert checked_trial(params, own, Path("none.npz"), "a text", 1)[1].startswith("Damaged: none.npz: ")


def test_a_process_of_this_machine_says_how_far_its_trial_is():
    with processes(1, Path("text.npz")) as workers:
        (executor,) = workers.there().values()
        executor.submit(note_part, 0.25).result()
        assert workers.under_way() == 0.25


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


def test_a_trial_goes_to_the_next_worker_where_one_ends():
    own = identity(KIND)
    assert len(ended(*[Worker(own, dead())] * 3, Worker(own, run()))) == 1
    with pytest.raises(Unavailable, match=r"^eta=0\.1, seed 1: 4 workers have failed at this"):
        ended(*[Worker(own, dead())] * 4)


class Gone(Worker):
    """Has ended when it is given a trial."""

    def submit(self, *_):
        raise dead()


def test_a_worker_that_has_ended_while_it_had_nothing_to_do_is_replaced():
    own = identity(KIND)
    assert len(ended(*[Gone(own)] * 5, Worker(own, run()))) == 1


def test_workers_that_end_before_they_can_be_given_anything_are_no_endless_recursion():
    with pytest.raises(Unavailable, match="20 workers in a row ended before"):
        ended(*(Gone(None) for _ in range(5_000)))


def test_what_a_trial_raises_is_said_of_its_worker_and_it_is_tried_again(capsys):
    own = identity(KIND)
    assert len(ended(Worker(own, "MemoryError: full", r"KeyError: 'x\ny'", run()))) == 1
    assert capsys.readouterr().err.splitlines() == [
        "worker worker 1: eta=0.1, seed 1: MemoryError: full",
        r"worker worker 1: eta=0.1, seed 1: KeyError: 'x\ny'",
    ]
    line = r"^eta=0\.1, seed 1: 4 workers have failed at this; the last error: ValueError: no$"
    with pytest.raises(Unavailable, match=line):
        ended(Worker(own, "ValueError: no"))


def test_what_is_no_run_of_the_trial_is_not_taken(capsys):
    line = "its answer is not a run of this trial"
    for other in (None, run(text_sha256="another")):
        with pytest.raises(Unavailable, match=f"4 workers have failed at this; the last error: {line}"):
            ended(Worker(identity(KIND), other))
        assert capsys.readouterr().err == f"worker worker 1: eta=0.1, seed 1: {line}\n" * 4
