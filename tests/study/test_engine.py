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
from charloom.study.engine import identity, outcomes
from charloom.study.trial import Trial

KIND = "adagrad float64"
PARAMS = read_params(ROOT / "params.yaml")


class Worker(Executor):
    """Answers with what it has for each function: an answer, or what is raised; the last one again and again.

    `processes` name those that answer, one after the other.
    """

    def __init__(self, identified, *trained, processes=("one",)):
        self.answers, self.begun = {"identity": [identified], "run_trial": list(trained)}, []
        self.processes = list(processes)

    def submit(self, _, function, *__):
        self.begun.append(function.__name__)
        answers, future = self.answers[function.__name__], Future()
        answer, process = (each.pop(0) if len(each) > 1 else each[0] for each in (answers, self.processes))
        future.set_exception(answer) if isinstance(answer, Exception) else future.set_result((process, answer))
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
            assert identity([kind])[f"{kind} arithmetic"] == arithmetic_of(kind)


def test_a_worker_proves_itself_once_and_gets_the_trial():
    worker = Worker(identity([KIND]), run())
    assert [outcome for _, outcome in ended(worker)] == [run()]
    assert worker.begun == ["identity", "run_trial"]


@pytest.mark.parametrize(
    ("facts", "why"),
    [({"adagrad float64 arithmetic": "0123"}, "its adagrad float64 arithmetic is 0123, not "),
     ({"charloom": "9.9"}, "its charloom is 9.9, not "), (None, "its charloom is None, not "),
     (AttributeError("no identity"), "AttributeError: no identity\n"),
     (ValueError("9" * 9999), f"ValueError: {'9' * 88}\n")],
    ids=["arithmetic", "version", "none", "no identity", "long"],
)  # fmt: skip
def test_another_arithmetic_and_another_version_are_left_out_by_name(facts, why, capsys):
    worker = Worker(identity([KIND]) | facts if isinstance(facts, dict) else facts)
    with pytest.raises(CheckFailed, match="no worker is left: the lines above say why"):
        ended(worker)
    assert worker.begun == ["identity"]
    assert f"worker worker 1 is left out: {why}" in capsys.readouterr().err


def test_a_trial_goes_to_the_next_worker_where_one_ends():
    own = identity([KIND])
    assert len(ended(*[Worker(own, dead())] * 3, Worker(own, run()))) == 1
    with pytest.raises(Unavailable, match=r"^eta=0\.1, seed 1: 4 workers have failed at this"):
        ended(*[Worker(own, dead())] * 4)
    with pytest.raises(Unavailable, match="4 workers have failed at this"):  # before they have proved themselves
        ended(*[Worker(dead())] * 9)


class Gone(Worker):
    """Has ended when it is to begin the function `at`."""

    at = "identity"

    def submit(self, told, function, *given):
        if function.__name__ == self.at:
            raise dead()
        return super().submit(told, function, *given)


@pytest.mark.parametrize("at", ["identity", "run_trial"])
def test_a_worker_that_has_ended_while_it_had_nothing_to_do_is_replaced(at):
    own, gone = identity([KIND]), type("Gone", (Gone,), {"at": at})
    assert len(ended(*[gone(own)] * 5, Worker(own, run()))) == 1


def test_workers_that_end_before_they_can_be_given_anything_are_no_endless_recursion():
    with pytest.raises(Unavailable, match="20 workers in a row ended before"):
        ended(*(Gone(None) for _ in range(5_000)))


def test_what_a_trial_raises_is_said_of_its_worker_and_it_is_tried_again(capsys):
    own = identity([KIND])
    assert len(ended(Worker(own, MemoryError("full"), KeyError("x\ny"), run()))) == 1
    assert capsys.readouterr().err.splitlines() == [
        "worker worker 1: eta=0.1, seed 1: MemoryError: full",
        r"worker worker 1: eta=0.1, seed 1: KeyError: 'x\ny'",
    ]
    line = r"^eta=0\.1, seed 1: 4 workers have failed at this; the last error: ValueError: no$"
    with pytest.raises(Unavailable, match=line):
        ended(Worker(own, ValueError("no")))


def test_a_run_is_taken_from_a_process_alone_that_has_proved_itself():
    worker = Worker(identity([KIND]), run(results="another"), run(), processes=["one", "two", "two"])
    assert [answer.results for _, answer in ended(worker)] == [""]
    assert worker.begun == ["identity", "run_trial"] * 2


def test_what_is_no_run_of_the_trial_is_not_taken(capsys):
    for other in (None, "a run", run(text_sha256="another")):
        with pytest.raises(CheckFailed):
            ended(Worker(identity([KIND]), other))
    line = "warning: worker worker 1 is left out: eta=0.1, seed 1: its answer is not a run of this trial\n"
    assert capsys.readouterr().err == line  # a process warns once
