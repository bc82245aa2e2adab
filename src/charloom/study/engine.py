"""Run trials on workers: each worker passes a check before its first trial.

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
from typing import Any, Protocol

from charloom.base.errors import CheckFailed, Unavailable
from charloom.base.terminal import in_line, warn_once
from charloom.results.identity import arithmetic_of
from charloom.results.run import Run
from charloom.settings.params import Params
from charloom.signature.hashes import arithmetic
from charloom.study.local import note_part
from charloom.study.trial import Trial, small_trial, train_trial
from charloom.text.corpus import Text, read_prepared

SECONDS_BETWEEN_LOOKS = 1.0  # at the list of workers; other looks than a study's
LOSSES = 3  # workers that may be lost with the same trial; one more is an error
IDLE_LOSSES = 20  # workers that may be lost in a row while idle
QUOTED = 100  # characters of a worker's message that are shown


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

    def under_way(self) -> float:
        """Return the sum of the finished fractions of the trials under way, as far as they are known."""
        ...

    def lost(self, name: str) -> None:
        """Record that the worker with this name has ended, during a task or while it was idle."""
        ...


def identity(kind: str, digest: Callable[[str], str] = arithmetic) -> dict[str, str]:
    """Return what all workers must have in common: version, arithmetic, and the digest of a small trial, by name.

    kind    the kind of a recipe
    digest  returns the digest of the arithmetic for a kind; the default computes it, `arithmetic_of` reads it
    """
    return {
        "charloom": version("charloom"),
        f"{kind} arithmetic": digest(kind),
        f"{kind} small trial": small_trial(kind),
    }


def checked_trial(
    params: Params, expected: dict[str, str], text: Text | Path, text_sha256: str, threads: int | None
) -> tuple[dict[str, str], Run | str]:
    """Check this process, a worker, and train a trial; return the process's identity, and the trial's run.

    The check is computed once in a process. If the identity is not `expected`, no trial is trained. If the training
    raises an exception, its text takes the place of the run.

    text  the text itself, or the path of a prepared file
    """
    own = identity(params.recipe.kind)
    if own != expected:
        return own, "not trained"
    try:
        read = _opened(text) if isinstance(text, Path) else text
        return own, train_trial(params, read, text_sha256, threads, note_part)
    except Exception as error:  # noqa: BLE001  whatever it is, another worker may succeed: a full disk, too little memory
        return own, f"{type(error).__name__}: {error}"
    finally:
        note_part(0.0)


_opened = lru_cache(read_prepared)


class Work:
    """The queue of trials, the tasks under way, and the workers that have failed the check.

    The check compares a worker's `identity` with ours: its version, its arithmetic, and results of small trials.
    """

    def __init__(self, trials: Collection[Trial], workers: Workers, text_sha256: str) -> None:
        """Queue the trials. A worker has to pass the check for the kinds of recipe of its trials."""
        self.waiting, self.workers, self.text_sha256 = deque(trials), workers, text_sha256
        self.own = {kind: identity(kind, arithmetic_of) for kind in {trial.params.recipe.kind for trial in trials}}
        self.tasks: dict[Future[Any], tuple[str, Trial]] = {}  # the task's worker and trial
        self.refused, self.losses, self.idle_losses = set[str](), Counter[str](), 0

    def is_left(self) -> bool:
        """Return whether a trial is in the queue or under way."""
        return bool(self.waiting or self.tasks)

    def hand_out(self) -> None:
        """Put trials of lost workers back into the queue, then give each idle worker a trial.

        A worker stays idle if the queue is empty, the text is not available, or the worker was left out. Raises
        CheckFailed if no worker is left and none may join. Raises Unavailable if IDLE_LOSSES workers in a row end
        before they get a trial, if more than LOSSES are lost with one trial, or if the source of workers is gone.
        """
        live = self.workers.there()
        for future, (worker, trial) in list(self.tasks.items()):
            if worker not in live:
                del self.tasks[future]
                future.cancel()
                self.take_back(trial)
        self.refused &= live.keys()
        for name in live.keys() - {worker for worker, _ in self.tasks.values()} - self.refused:
            if not self.waiting or not (text := self.workers.text()):
                break
            params = self.waiting[0].params
            given = params, self.own[params.recipe.kind], text, self.text_sha256, self.workers.threads
            try:
                self.tasks[live[name].submit(checked_trial, *given)] = name, self.waiting[0]
            except self.workers.losses:  # the worker has ended while idle
                self.workers.lost(name)
                self.idle_losses += 1
                if self.idle_losses == IDLE_LOSSES:
                    why = "is there too little memory? The log of a Dask worker may say why"
                    raise Unavailable(f"{IDLE_LOSSES} workers in a row ended before they got a trial; {why}") from None
                self.hand_out()
                return
            self.waiting.popleft()
            self.idle_losses = 0
        if not self.tasks and not self.workers.may_come:
            raise CheckFailed("no worker is left: the lines above say why each is left out")

    def take_back(self, trial: Trial, why: str = "is there too little memory, or was the connection lost?") -> None:
        """Put the trial of a failed task back at the head of the queue.

        Raises Unavailable if more than LOSSES workers have failed at this trial. `why` is the reason in the message.
        """
        self.waiting.appendleft(trial)
        self.losses[trial.key] += 1
        if self.losses[trial.key] > LOSSES:
            raise Unavailable(f"{_named(trial)}: {LOSSES + 1} workers have failed at this; {why}")

    def ended(self, future: Future[Any]) -> tuple[Trial, Run] | None:
        """Process the result of a finished task: return the trial and its run, or None if the task failed.

        A trial without a run goes back into the queue. A worker gets no further trial if it fails the check. If its
        training raises an exception, or its answer is no run of the trial, it gets none if there is another worker.
        Raises Unavailable as `take_back` does.
        """
        worker, trial = self.tasks.pop(future)
        try:
            own, result = future.result()
            differ = _difference(self.own[trial.params.recipe.kind], own)
        except self.workers.losses:
            self.workers.lost(worker)
            self.take_back(trial)
            return None
        except Exception as error:  # noqa: BLE001  any error is the worker's: its sources are others
            result, differ = None, quoted(f"{type(error).__name__}: {error}")
        if differ:
            self.leave_out(worker, differ)
            self.waiting.appendleft(trial)
            return None
        if isinstance(result, Run) and result[:2] == (trial.params, self.text_sha256):
            return trial, result
        why = quoted(result) if isinstance(result, str) else "its answer is not a run of this trial"
        if self.workers.there().keys() - self.refused - {worker}:
            self.leave_out(worker, f"{_named(trial)}: {why}")
        else:
            sys.stderr.write(f"worker {in_line(worker)}: {_named(trial)}: {why}\n")
        self.take_back(trial, f"the last error: {why}")
        return None

    def leave_out(self, worker: str, why: str) -> None:
        """Give the worker no further trial while it is connected, and warn once with the reason `why`."""
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
