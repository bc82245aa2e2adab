"""Workers that end, that are of another kind, or that come late, and schedulers: what becomes of the trials."""

import multiprocessing
import re
import sys
import time
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import chdir
from pathlib import Path
from types import SimpleNamespace

import pytest
from projects import ROOT

from charloom.core.base.errors import CheckFailed, Unavailable
from charloom.core.config.pipeline import files
from charloom.core.config.reading import read_params
from charloom.core.text.corpus import read_prepared
from charloom.core.training.headline import TRAINED
from charloom.results.keys import arithmetic_of
from charloom.results.run import Run
from charloom.study import workers as sources
from charloom.study.study_file import Trial
from charloom.study.trial import checked_trial, code_digests
from charloom.study.workers import Processes, outcomes

KIND = "adagrad float64"
PARAMS = read_params(ROOT / "params.yaml")


class Worker(Executor):
    """Answers with runs; an exception is raised. The last answer comes again and again."""

    def __init__(self, *answers):
        self.answers, self.count = list(answers), 0

    def submit(self, *_):
        self.count += 1
        answer, future = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0], Future()
        future.set_exception(answer) if isinstance(answer, Exception) else future.set_result(answer)
        return future


class Workers:
    """Those of a list, each there as long as it is not lost; a lost one is replaced by the next, or all are at once."""

    losses, may_come, threads, text = (BrokenExecutor,), False, 1, Path("text.npz")

    def __init__(self, *workers: Worker, at_once: bool = False):
        self.waiting = [] if at_once else list(workers)
        self.now = {f"worker {n}": worker for n, worker in enumerate(workers)} if at_once else {}

    def live_workers(self):
        if not self.now and self.waiting:
            self.now = {f"worker {len(self.waiting)}": self.waiting.pop(0)}
        return self.now


def ended(*workers: Worker, name: str = "eta=0.1, seed 1", **others):
    trial = Trial(name, PARAMS, "a key")
    with chdir(ROOT):
        return [answer for answer in outcomes([trial], Workers(*workers, **others), "a text") if answer]


def run(**others) -> Run:
    return Run(PARAMS, "a text", TRAINED, None, {}, "")._replace(**others)


def dead() -> BrokenExecutor:
    return BrokenExecutor("killed")


def test_this_process_has_the_arithmetic_of_the_committed_signature():
    with chdir(ROOT):
        for kind in ("adagrad float64", "adagrad float32"):
            assert code_digests(kind)[f"{kind} arithmetic"] == arithmetic_of(kind)


def test_a_process_trains_only_if_it_is_as_expected(finished):
    with chdir(finished.folder):
        params, text = read_params(), finished.folder / files("train")["prepared/text"]
    own, read = code_digests(KIND), read_prepared(text)
    for name in own:
        with pytest.raises(CheckFailed, match=f"^its {name} is {own[name]}, not 0123$"):
            checked_trial(params, own | {name: "0123"}, text, "a text", 1)
    trained = checked_trial(params, own, text, "a text", 1)
    assert trained.outcome == TRAINED
    assert checked_trial(params, own, read, "a text", 1) == trained  # as a worker of a cluster gets it
    with pytest.raises(Unavailable, match=r"^Damaged: none\.npz: "):
        checked_trial(params, own, Path("none.npz"), "a text", 1)


def test_a_worker_gets_the_trial_once():
    worker = Worker(run())
    assert [outcome for _, outcome in ended(worker)] == [run()]
    assert worker.count == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [(CheckFailed("its charloom is 9.9, not 1"), "its charloom is 9.9, not 1"),
     (AttributeError("no checked_trial"), "AttributeError: no checked_trial"),
     (ValueError("9" * 9999), f"ValueError: {'9' * 288}"), (KeyError("x\ny"), r"KeyError: 'x\ny'"),
     (run(text_sha256="another"), "TypeError: its answer is not a run of this trial")],
    ids=["another kind", "no function", "long", "odd", "another text"],
)  # fmt: skip
def test_an_unsuitable_worker_is_excluded_by_name_without_a_failed_trial(answer, why, capsys):
    wrong = [Worker(answer) for _ in range(5)]
    assert len(ended(*wrong, Worker(run()), at_once=True)) == 1
    lines = {f"warning: worker worker {n} is left out after eta=0.1, seed 1: {why}" for n in range(5)}
    assert set(capsys.readouterr().err.splitlines()) == lines
    with pytest.raises(CheckFailed, match="no worker is left: the lines above say why"):
        ended(*wrong, at_once=True)
    assert {worker.count for worker in wrong} == {2}  # once in each study


class Gone(Worker):
    """Has ended when it is given a trial."""

    def submit(self, *_):
        raise dead()


@pytest.mark.parametrize(
    "lost", [Worker(dead()), pytest.param(Gone(), marks=pytest.mark.slow)], ids=["at work", "idle"]
)
def test_a_trial_of_a_dead_worker_goes_to_the_next_and_the_worker_is_named(lost, capsys):
    name = f"a trial of {type(lost).__name__}"
    assert len(ended(*[lost] * 3, Worker(run()), name=name)) == 1
    lines = [f"warning: worker worker {n} was lost, and another one gets {name}" for n in (4, 3, 2)]
    assert [line for line in capsys.readouterr().err.splitlines() if "no worker is available" not in line] == lines
    with pytest.raises(Unavailable, match=r"^eta=0\.1, seed 1: 4 workers have failed at this; is there too little"):
        ended(*[lost] * 4)


def test_a_training_that_fails_is_tried_by_four_workers(capsys):
    failing = {f"worker {n}": Worker(Unavailable("MemoryError: full\nof it")) for n in range(4)}
    assert len(ended(failing["worker 0"], Worker(run()), at_once=True)) == 1
    why = "eta=0.1, seed 1: 4 workers have failed at this; the last error: MemoryError: full"
    with pytest.raises(Unavailable, match=f"^{re.escape(why)}$"):
        ended(*failing.values(), at_once=True)
    lines = {f"warning: worker {name} is left out after eta=0.1, seed 1: MemoryError: full" for name in failing}
    assert set(capsys.readouterr().err.splitlines()) == lines


class Client:
    """Of Dask's client what a `Cluster` uses."""

    def __init__(self):
        self.status, self.broken, self.cancelled, self.texts, self.close = "running", None, False, 0, None
        self.scheduler = SimpleNamespace(identity=self.identity)

    def identity(self, n_workers):
        assert n_workers == -1  # all
        return {"workers": {"a": {}, "b": {}}}

    def submit(self, *_, **__):
        self.texts += 1
        return SimpleNamespace(cancelled=lambda: self.cancelled)

    def sync(self, function, callback_timeout):
        assert callback_timeout
        if self.broken:
            raise self.broken
        return function()

    def get_executor(self, workers, **_):
        return workers[0]


@pytest.mark.parametrize("broken", [TimeoutError(), OSError("gone"), AttributeError("no scheduler")])
def test_a_scheduler_has_ten_seconds_to_reply_and_a_lost_one_has_no_workers(broken, monkeypatch):
    """After a lost connection the text is sent again."""
    clock, client = [1000.0], Client()
    monkeypatch.setattr(sources, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(sources, "read_prepared", lambda _: b"")
    dask = {
        "dask": SimpleNamespace(config=SimpleNamespace(set=lambda _: None)),
        "distributed": SimpleNamespace(Client=lambda *_, **__: client),
        "distributed.scheduler": SimpleNamespace(KilledWorker=KeyError),
    }
    for name, module in dask.items():
        monkeypatch.setitem(sys.modules, name, module)
    workers = sources.Cluster(Path("text.npz"), "tcp://a:1")

    def later(seconds):
        clock[0] += seconds
        return workers.live_workers()

    assert later(0) == {"a": "a", "b": "b"}
    assert workers.text is workers.text
    client.status, client.cancelled = "connecting", True
    assert later(5) == {}
    client.status = "running"
    assert workers.text
    assert client.texts == 2
    for _ in range(2):
        client.broken = None
        assert later(2) == {"a": "a", "b": "b"}
        client.broken = broken
        assert later(9) == {"a": "a", "b": "b"}
    with pytest.raises(Unavailable, match=r"^--dask tcp://a:1: no scheduler answers \(.+\); finished trials are kept$"):
        later(2)


@pytest.mark.slow
def test_the_end_of_the_workers_leaves_the_callers_other_processes(tmp_path):
    others = [multiprocessing.get_context("spawn").Process(target=time.sleep, args=[60]) for _ in range(2)]
    others[0].start()
    workers = Processes(tmp_path / "text.npz", 2)
    workers.live_workers()
    others[1].start()
    assert len(multiprocessing.active_children()) == 4
    workers.close()
    assert {*multiprocessing.active_children()} == {*others}
    for other in others:
        other.kill()
        other.join()
