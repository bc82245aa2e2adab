"""Trials on workers: each worker proves itself, then gets one trial after another.

A worker is an executor of Python's `concurrent.futures` that runs one thing at a time. Where it runs, `local.py` or
`cluster.py` knows. A worker that is lost gives its trial back. What comes out does not depend on which worker did
what, or when: a trial is a function.
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

SECONDS_BETWEEN_LOOKS = 1.0  # at which workers there are
LOSSES = 3  # workers that a trial may lose before it is to blame
IDLE_LOSSES = 20  # workers in a row that are lost while they have nothing to do
QUOTED = 100  # characters, at most, of what a worker says
PROCESS = uuid4().hex  # names this process: another one may come back at a worker's address


class Workers(Protocol):
    """Where trials are trained.

    losses    the exceptions by which a worker's end shows
    may_come  whether there may be other workers later
    threads   of a trial; None for all processors
    """

    losses: tuple[type[BaseException], ...]
    may_come: bool
    threads: int | None

    def there(self) -> Mapping[str, Executor]:
        """Return the workers that there are now, by name: all that may be given something, and no other."""
        ...

    def text(self) -> Any:
        """Return the text, or what a worker knows it by; None where that cannot be had now."""
        ...

    def lost(self, name: str) -> None:
        """Take note that the worker has ended in the middle of something."""
        ...


class Task(NamedTuple):
    """What a worker is at: a trial, or None while it proves itself."""

    worker: str
    trial: Trial | None


def told(function: Callable[..., Any], *given: Any) -> tuple[str, Any]:
    """Return, in a worker, what the function returns, and which process says so."""
    return PROCESS, function(*given)


def identity(kinds: list[str], digest: Callable[[str], str] = arithmetic) -> dict[str, str]:
    """Return what a worker has to have in common with all others: version, arithmetic, and what its rows would say."""
    said = {"charloom": version("charloom")}
    for kind in kinds:
        said |= {f"{kind} arithmetic": digest(kind), f"{kind} small trial": small_trial(kind)}
    return said


def run_trial(params: Params, text: Text | Path, text_sha256: str, threads: int | None) -> Run:
    """Train, in a worker, on a text that lies in its memory or in a file on its disk."""
    return train_trial(params, _opened(text) if isinstance(text, Path) else text, text_sha256, threads)


_opened = lru_cache(read_prepared)


class Work:
    """Trials that wait or are under way, and the workers that have proved themselves, or not."""

    def __init__(self, trials: Collection[Trial], workers: Workers, text_sha256: str) -> None:
        """Take the trials and the text's SHA-256. A worker has to prove its arithmetic for each kind of recipe."""
        self.waiting, self.workers, self.text_sha256 = deque(trials), workers, text_sha256
        self.kinds = sorted({trial.params.recipe.kind for trial in trials})
        self.own = identity(self.kinds, arithmetic_of)
        self.tasks: dict[Future[Any], Task] = {}
        self.proven: dict[str, str] = {}  # by the worker's name the process that has proved itself
        self.refused, self.losses, self.one_has_proved = set[str](), Counter[str](), False

    def is_left(self) -> bool:
        """Return whether there is a trial that has not ended."""
        return bool(self.waiting) or any(task.trial for task in self.tasks.values())

    def hand_out(self) -> None:
        """Take back what lost workers had; give each worker that is free something. Raises as `outcomes` does."""
        for _ in range(IDLE_LOSSES):
            if self._handed_out():
                break
        else:
            raise Unavailable(f"{IDLE_LOSSES} workers, one after the other, ended before they could be given anything")
        if not self.tasks and not self.workers.may_come:
            raise CheckFailed("no worker has proved itself: nothing is trained")

    def _handed_out(self) -> bool:
        """Do it; return False if a worker turns out to be lost."""
        there = self.workers.there()
        for future, task in [(future, task) for future, task in self.tasks.items() if task.worker not in there]:
            del self.tasks[future]
            future.cancel()
            self.take_back(task)
        self.proven = {name: self.proven[name] for name in self.proven.keys() & there.keys()}
        self.refused &= there.keys()
        for name in there.keys() - {task.worker for task in self.tasks.values()} - self.refused:
            work: tuple[Any, ...] = told, identity, self.kinds
            trial = None
            if name in self.proven:
                if not self.waiting or not (text := self.workers.text()):
                    continue
                trial = self.waiting[0]
                work = told, run_trial, trial.params, text, self.text_sha256, self.workers.threads
            try:
                self.tasks[there[name].submit(*work)] = Task(name, trial)
            except self.workers.losses:  # it has ended while it had nothing to do
                self.workers.lost(name)
                return False
            if trial:
                self.waiting.popleft()
        return True

    def take_back(self, task: Task, why: str = "is there too little memory, or was the connection lost?") -> None:
        """Let the trial wait again, that its worker has not ended."""
        if task.trial:
            self.waiting.appendleft(task.trial)
            key, what = task.trial.key, _named(task.trial)
        else:
            key, what = task.worker if self.one_has_proved else "", "the check of their arithmetic"
        self.losses[key] += 1
        if self.losses[key] > LOSSES:
            raise Unavailable(f"{what}: {LOSSES + 1} workers have ended at it; {why}")

    def ended(self, future: Future[Any]) -> tuple[Trial, Run] | None:
        """Return the trial and its run; of a worker that has proved itself, or has not, nothing."""
        task = self.tasks.pop(future)
        worker, trial = task
        try:
            process, found = future.result()
        except self.workers.losses:
            self.workers.lost(worker)
            self.take_back(task)
            return None
        except Exception as error:  # noqa: BLE001  whatever it is, it is the worker's: other sources, a full disk
            why = quoted(f"{type(error).__name__}: {error}")
            if not trial or len(self.proven) > 1:
                self.leave_out(worker, f"{_named(trial)}: {why}" if trial else why)
            else:  # there is no other one that could try
                sys.stderr.write(f"worker {in_line(worker)}: {_named(trial)}: {why}\n")
            if trial:
                self.take_back(task, f"the last: {why}")
            return None
        if not trial:
            if differ := _difference(self.own, found):
                self.leave_out(worker, differ)
            else:
                self.proven[worker], self.one_has_proved = process, True
        elif self.proven.get(worker) != process:  # another process has its address now
            self.proven.pop(worker, None)
            self.take_back(task, "another process answers than has proved itself")
        elif not isinstance(found, Run) or found[:2] != (trial.params, self.text_sha256):
            self.leave_out(worker, f"{_named(trial)}: its answer is no run of this trial")
            self.take_back(task, "no answer is a run of this trial")
        else:
            return trial, found
        return None

    def leave_out(self, worker: str, why: str) -> None:
        """Give the worker nothing more, as long as it is there, and say why."""
        self.proven.pop(worker, None)
        self.refused.add(worker)
        warn_once(f"{worker} {why}", f"worker {in_line(worker)} is left out: {why}")  # not again at the next look


def _named(trial: Trial) -> str:
    return f"{trial.setting}, seed {trial.seed}"


def quoted(said: object) -> str:
    """Return what a worker or a library says, whatever that is, so that it fits into a line."""
    return in_line(str(said).partition("\n")[0][:QUOTED]) or "no answer"


def _difference(own: Mapping[str, str], found: Any) -> str:
    """Return in what a worker's identity is another one."""
    said = found if isinstance(found, dict) else {}
    wrong = [name for name in own if said.get(name) != own[name]]
    return "; ".join(f"its {name} is {quoted(said.get(name))}, not {own[name]}" for name in wrong)


def outcomes(trials: Collection[Trial], workers: Workers, text_sha256: str) -> Iterator[tuple[Trial, Run] | None]:
    """Yield each trial with its run as it ends; and None about once a second, so that the caller can stop.

    Raises CheckFailed where no worker proves itself, Unavailable where a trial ends one worker after the other.
    """
    work = Work(trials, workers, text_sha256)
    while work.is_left():
        work.hand_out()
        if not work.tasks:
            warn_once("workers", "no worker is there that may be given something; trials wait for one")
            sleep(SECONDS_BETWEEN_LOOKS)
        for future in wait(work.tasks, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED).done:
            if ended := work.ended(future):
                yield ended
        yield None
