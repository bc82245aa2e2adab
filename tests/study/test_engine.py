"""Workers that end, that are of another kind, or that come late: what becomes of the trials."""

from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path

import pytest
from projects import ROOT

from charloom.base import terminal
from charloom.base.errors import CheckFailed, Unavailable
from charloom.results.identity import arithmetic_of
from charloom.results.run import TRAINED, Run
from charloom.settings.params import read_params
from charloom.study.engine import identity, outcomes
from charloom.study.trial import Trial

KIND = "adagrad float64"


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


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch):
    monkeypatch.setattr(terminal, "_warned", set())


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    monkeypatch.chdir(ROOT)


def ended(*workers: Worker):
    trial = Trial("eta=0.1", 1, read_params(), "a key")
    return [each for each in outcomes([trial], Workers(*workers), "a text") if each]


def run(**others) -> Run:
    return Run(read_params(), "a text", TRAINED, None, {}, "")._replace(**others)


def dead() -> BrokenExecutor:
    return BrokenExecutor("killed")


def test_this_process_has_the_arithmetic_of_the_committed_signature():
    for kind in ("adagrad float64", "adagrad float32"):
        assert identity([kind])[f"{kind} arithmetic"] == arithmetic_of(kind)


def test_a_worker_proves_itself_once_and_gets_the_trial():
    worker = Worker(identity([KIND]), run())
    assert [outcome for _, outcome in ended(worker)] == [run()]
    assert worker.begun == ["identity", "run_trial"]


def test_another_arithmetic_and_another_version_are_left_out_by_name(capsys):
    for other, says in (
        (
            {**identity([KIND]), "adagrad float64 arithmetic": "0123"},
            "its adagrad float64 arithmetic is 0123, not ",
        ),
        ({**identity([KIND]), "charloom": "9.9"}, "its charloom is 9.9, not "),
        (AttributeError("no identity"), "AttributeError: no identity\n"),
        (OSError(28, "full"), "OSError: [Errno 28] full\n"),
        (ValueError("9" * 9999), f"ValueError: {'9' * 88}\n"),
        (None, "its charloom is None, not "),
    ):
        worker = Worker(other)
        with pytest.raises(CheckFailed, match="no worker is left: the lines above say why"):
            ended(worker)
        assert worker.begun == ["identity"]
        assert f"worker worker 1 is left out: {says}" in capsys.readouterr().err


def test_a_trial_goes_to_the_next_worker_where_one_ends():
    own = identity([KIND])
    assert len(ended(*[Worker(own, dead())] * 3, Worker(own, run()))) == 1


@pytest.mark.parametrize("at", ["identity", "run_trial"])
def test_a_worker_that_has_ended_while_it_had_nothing_to_do_is_replaced(at):
    class Gone(Worker):
        def submit(self, told, function, *given):
            if function.__name__ == at:
                raise dead()
            return super().submit(told, function, *given)

    own = identity([KIND])
    assert len(ended(*[Gone(own)] * 5, Worker(own, run()))) == 1


def test_workers_that_end_before_they_can_be_given_anything_are_no_endless_recursion():
    class Broken(Worker):
        def submit(self, *_):
            raise BrokenExecutor

    with pytest.raises(Unavailable, match="20 workers in a row ended before"):
        ended(*(Broken(None) for _ in range(5_000)))


def test_a_trial_that_ends_four_workers_is_to_blame():
    with pytest.raises(Unavailable, match=r"^eta=0\.1, seed 1: 4 workers have failed at this"):
        ended(*[Worker(identity([KIND]), dead())] * 4)


def test_workers_that_end_before_they_have_proved_themselves_are_no_endless_loop():
    with pytest.raises(Unavailable, match="4 workers have failed at this"):
        ended(*[Worker(dead())] * 9)


def test_what_a_trial_raises_is_said_of_its_worker_and_it_is_tried_again(capsys):
    assert len(ended(Worker(identity([KIND]), MemoryError("full"), KeyError("x\ny"), run()))) == 1
    assert capsys.readouterr().err.splitlines() == [
        "worker worker 1: eta=0.1, seed 1: MemoryError: full",
        r"worker worker 1: eta=0.1, seed 1: KeyError: 'x\ny'",
    ]


def test_a_trial_that_raises_four_times_is_to_blame_with_what_it_raises():
    with pytest.raises(
        Unavailable, match=r"^eta=0\.1, seed 1: 4 workers have failed at this; the last error: ValueError: no$"
    ):
        ended(Worker(identity([KIND]), ValueError("no")))


def test_a_run_is_taken_from_a_process_alone_that_has_proved_itself():
    worker = Worker(identity([KIND]), run(results="another"), run(), processes=["one", "two", "two"])
    assert [found.results for _, found in ended(worker)] == [""]
    assert worker.begun == ["identity", "run_trial"] * 2


@pytest.mark.parametrize("other", [None, "a run", run(text_sha256="another")])
def test_what_is_no_run_of_the_trial_is_not_taken(other, capsys):
    workers = Workers(Worker(identity([KIND]), other))
    with pytest.raises(CheckFailed):
        list(outcomes([Trial("eta=0.1", 1, read_params(), "a key")], workers, "a text"))
    assert (
        capsys.readouterr().err
        == "warning: worker worker 1 is left out: eta=0.1, seed 1: its answer is not a run of this trial\n"
    )
