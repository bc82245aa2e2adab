"""Run trials on workers: each worker passes a check, then gets one trial after another.

A worker is an executor of `concurrent.futures` that runs one task at a time. `local.py` starts processes as workers,
`cluster.py` connects to the workers of a Dask scheduler. If a worker is lost (it ends, or its connection breaks), its
trial goes back into the queue. The results of a trial do not depend on the worker or the time.
"""

import sys
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from time import sleep
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

from charloom.base.errors import CheckFailed, Unavailable
from charloom.base.terminal import in_line, warn_once
from charloom.results.identity import arithmetic_of
from charloom.results.run import Run
from charloom.settings.params import Params
from charloom.signature.hashes import arithmetic
from charloom.study.trial import Trial, small_trial, train_trial
from charloom.text.corpus import Text, read_prepared

SECONDS_BETWEEN_LOOKS = 1.0  # at the list of workers; other looks than a study's
LOSSES = 3  # workers that may be lost with the same trial; one more is an error
IDLE_LOSSES = 20  # workers that may be lost in a row while idle
QUOTED = 100  # characters of a worker's message that are shown
PROCESS = uuid4().hex  # id of this process: a restarted worker has the old address and a new process


class Workers(Protocol):
    """A source of workers.

    losses    the exceptions that an executor raises if its worker has ended
    may_come  whether further workers may join later
    threads   number of threads of a trial; None: as many as are fastest on this machine
    """

    losses: tuple[type[BaseException], ...]
    may_come: bool
    threads: int | None

    def there(self) -> Mapping[str, Executor]:
        """Return the executor of each live worker, by the worker's name. Only a live worker may be given a task."""
        ...

    def text(self) -> Any:
        """Return the text, or a reference to the text that a worker can resolve; None if neither is available now."""
        ...

    def lost(self, name: str) -> None:
        """Record that the worker with this name has ended, during a task or while it was idle."""
        ...


class Task(NamedTuple):
    """A worker's task: a trial, or None for the check."""

    worker: str
    trial: Trial | None


def told(function: Callable[..., Any], *arguments: Any) -> tuple[str, Any]:
    """Run the function, in a worker; return the id of the worker's process, and the function's result."""
    return PROCESS, function(*arguments)


def identity(kinds: list[str], digest: Callable[[str], str] = arithmetic) -> dict[str, str]:
    """Return what all workers must have in common: version, arithmetic, and the digests of small trials, by name.

    kinds   kinds of recipe
    digest  returns the digest of the arithmetic for a kind; the default computes it, `arithmetic_of` reads it
    """
    facts = {"charloom": version("charloom")}
    for kind in kinds:
        facts |= {f"{kind} arithmetic": digest(kind), f"{kind} small trial": small_trial(kind)}
    return facts


def run_trial(params: Params, text: Text | Path, text_sha256: str, threads: int | None) -> Run:
    """Train a trial, in a worker, and return its run. `text` is the text itself, or the path of a prepared file."""
    return train_trial(params, _opened(text) if isinstance(text, Path) else text, text_sha256, threads)


_opened = lru_cache(read_prepared)


class Work:
    """The queue of trials, the tasks under way, and the workers that have passed or failed the check.

    The check compares a worker's `identity` with ours: its version, its arithmetic, and results of small trials.
    """

    def __init__(self, trials: Collection[Trial], workers: Workers, text_sha256: str) -> None:
        """Queue the trials. A worker has to pass the check for each kind of recipe that a trial has."""
        self.waiting, self.workers, self.text_sha256 = deque(trials), workers, text_sha256
        self.kinds = sorted({trial.params.recipe.kind for trial in trials})
        self.own = identity(self.kinds, arithmetic_of)
        self.tasks: dict[Future[Any], Task] = {}
        self.proven: dict[str, str] = {}  # worker to the id of the process that passed the check
        self.refused, self.losses, self.one_has_proved = set[str](), Counter[str](), False

    def is_left(self) -> bool:
        """Return whether a trial is in the queue or under way."""
        return bool(self.waiting) or any(task.trial for task in self.tasks.values())

    def hand_out(self) -> None:
        """Put trials of lost workers back into the queue, and give each idle worker a task: the check, or a trial.

        Raises CheckFailed if no worker is left that may pass the check and no worker may join. Raises Unavailable if
        IDLE_LOSSES workers in a row end before they get a task, if more than LOSSES are lost with one trial or in the
        check, or if the source of workers is gone.
        """
        for _ in range(IDLE_LOSSES):
            if self._handed_out():
                break
        else:
            why = "is there too little memory? The log of a Dask worker may say why"
            raise Unavailable(f"{IDLE_LOSSES} workers in a row ended before they got a task; {why}")
        if not self.tasks and not self.workers.may_come:
            raise CheckFailed("no worker is left: the lines above say why each is left out")

    def _handed_out(self) -> bool:
        """Put trials of lost workers back into the queue, then give idle workers tasks.

        Return False at once if an idle worker turns out to have ended when it gets a task, else True. A worker stays
        idle if the queue is empty, the text is not available, or the worker has failed the check.
        """
        live = self.workers.there()
        for future, task in [(future, task) for future, task in self.tasks.items() if task.worker not in live]:
            del self.tasks[future]
            future.cancel()
            self.take_back(task)
        self.proven = {name: self.proven[name] for name in self.proven.keys() & live.keys()}
        self.refused &= live.keys()
        for name in live.keys() - {task.worker for task in self.tasks.values()} - self.refused:
            work: tuple[Any, ...] = told, identity, self.kinds
            trial = None
            if name in self.proven:
                if not self.waiting or not (text := self.workers.text()):
                    continue
                trial = self.waiting[0]
                work = told, run_trial, trial.params, text, self.text_sha256, self.workers.threads
            try:
                self.tasks[live[name].submit(*work)] = Task(name, trial)
            except self.workers.losses:  # the worker has ended while idle
                self.workers.lost(name)
                return False
            if trial:
                self.waiting.popleft()
        return True

    def take_back(self, task: Task, why: str = "is there too little memory, or was the connection lost?") -> None:
        """Put the trial of a failed task back at the head of the queue; a check has no trial to put back.

        Raises Unavailable if more than LOSSES workers have failed at this trial, or at the check: all workers together
        until one has passed it, later this worker alone. `why` is the reason in the message.
        """
        if task.trial:
            self.waiting.appendleft(task.trial)
            key, what = task.trial.key, _named(task.trial)
        else:
            key, what = task.worker if self.one_has_proved else "", "the check of their arithmetic"
        self.losses[key] += 1
        if self.losses[key] > LOSSES:
            raise Unavailable(f"{what}: {LOSSES + 1} workers have failed at this; {why}")

    def ended(self, future: Future[Any]) -> tuple[Trial, Run] | None:
        """Process the result of a finished task: return the trial and its run, or None.

        The result is None if the task was a check, or if it failed. A failed trial goes back into the queue. A worker
        gets no further task if it fails the check, raises an error, or returns no run of its trial. But the only worker
        that has passed the check may raise errors in trials. Raises Unavailable as `take_back` does.
        """
        task = self.tasks.pop(future)
        worker, trial = task
        try:
            process, result = future.result()
        except self.workers.losses:
            self.workers.lost(worker)
            self.take_back(task)
            return None
        except Exception as error:  # noqa: BLE001  any error is the worker's: other sources, a full disk
            why = quoted(f"{type(error).__name__}: {error}")
            if not trial or len(self.proven) > 1:
                self.leave_out(worker, f"{_named(trial)}: {why}" if trial else why)
            else:  # no other worker is left to try
                sys.stderr.write(f"worker {in_line(worker)}: {_named(trial)}: {why}\n")
            if trial:
                self.take_back(task, f"the last error: {why}")
            return None
        if not trial:
            if differ := _difference(self.own, result):
                self.leave_out(worker, differ)
            else:
                self.proven[worker], self.one_has_proved = process, True
        elif self.proven.get(worker) != process:  # the worker was restarted
            self.proven.pop(worker, None)
            self.take_back(task, "the process that answered has not passed the check")
        elif not isinstance(result, Run) or result[:2] != (trial.params, self.text_sha256):
            self.leave_out(worker, f"{_named(trial)}: its answer is not a run of this trial")
            self.take_back(task, "no answer is a run of this trial")
        else:
            return trial, result
        return None

    def leave_out(self, worker: str, why: str) -> None:
        """Give the worker no further task while it is connected, and warn once with the reason `why`."""
        self.proven.pop(worker, None)
        self.refused.add(worker)
        warn_once(f"{worker} {why}", f"worker {in_line(worker)} is left out: {why}")  # once, not at each look


def _named(trial: Trial) -> str:
    return f"{trial.setting}, seed {trial.seed}"


def quoted(message: object) -> str:
    """Return the first line of a message, at most QUOTED characters, safe to print; `no answer` if it is empty."""
    return in_line(str(message).partition("\n")[0][:QUOTED]) or "no answer"


def _difference(own: Mapping[str, str], identity: Any) -> str:
    """Return how a worker's identity (see `identity`) differs from our own; "" if it does not."""
    facts = identity if isinstance(identity, dict) else {}
    wrong = [name for name in own if facts.get(name) != own[name]]
    return "; ".join(f"its {name} is {quoted(facts.get(name))}, not {own[name]}" for name in wrong)


def outcomes(trials: Collection[Trial], workers: Workers, text_sha256: str) -> Iterator[tuple[Trial, Run] | None]:
    """Yield each trial with its run as soon as it ends, and None at least about once a second.

    The caller can stop at each None. While no worker is available, the trials wait, after a warning. Raises CheckFailed
    if no worker passes the check and none may join. Raises Unavailable if several workers fail at one trial, or the
    source of workers is gone.
    """
    work = Work(trials, workers, text_sha256)
    while work.is_left():
        work.hand_out()
        if not work.tasks:
            warn_once("workers", "no worker is available; trials wait for one")
            sleep(SECONDS_BETWEEN_LOOKS)
        for future in wait(work.tasks, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED).done:
            if ended := work.ended(future):
                yield ended
        yield None
