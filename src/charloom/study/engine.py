"""Run trials on workers: each worker passes a check before its first trial.

A worker is an executor of `concurrent.futures` that runs one task at a time. `local.py` starts processes as workers,
`cluster.py` connects to the workers of a Dask scheduler. If a worker is lost (it ends, or its connection breaks), its
trial goes back into the queue. The results of a trial do not depend on the worker or the time.
"""

import pickle
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
from charloom.study.trial import Trial, small_trial, train_trial
from charloom.text.corpus import Text, read_prepared

SECONDS_BETWEEN_LOOKS = 1.0  # between two queries of the list of workers; these are not the looks of a study
FAILURES = 3  # workers that may fail at the same trial; one more is an error
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
        """Return the path of the prepared text, the pickled text, or an object that the worker gets as one of these."""
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
    params: Params, expected: dict[str, str], text: Path | bytes, text_sha256: str, threads: int | None
) -> tuple[dict[str, str], Run | str]:
    """Check this process, a worker, and train a trial; return the process's identity, and the trial's run.

    The check is computed once in a process. If the identity is not `expected`, no trial is trained. If the training
    raises an exception, its text takes the place of the run.

    text  the path of a prepared file, or the pickled text
    """
    own = identity(params.recipe.kind)
    if own != expected:
        return own, "not trained"
    try:
        return own, train_trial(params, _opened(text), text_sha256, threads)
    except Exception as error:  # noqa: BLE001  whatever it is, another worker may succeed: a full disk, too little memory
        return own, f"{type(error).__name__}: {error}"


@lru_cache
def _opened(text: Path | bytes) -> Text:
    opened: Text = read_prepared(text) if isinstance(text, Path) else pickle.loads(text)  # noqa: S301  from our study
    return opened


def outcomes(trials: Collection[Trial], workers: Workers, text_sha256: str) -> Iterator[tuple[Trial, Run] | None]:
    """Yield each trial with its run as soon as it ends, and None at least about once a second.

    The caller can stop at each None. While no worker is available, the trials wait, after a warning.

    A worker's first answer for a kind of recipe shows its `identity`. If that differs from ours, if the training raises
    an exception, or if the answer is no run of the trial, the worker gets no further trial while it is connected, and a
    line says why. A trial without a run goes back to the head of the queue.

    Raises CheckFailed if no worker is left and none may join. Raises Unavailable if more than FAILURES workers fail at
    one trial, or the source of workers is gone.
    """
    waiting, refused, failures = deque(trials), set[str](), Counter[str]()
    tasks: dict[Future[Any], tuple[str, Trial]] = {}  # the task's worker and trial
    expected = {kind: identity(kind, arithmetic_of) for kind in {trial.params.recipe.kind for trial in trials}}

    def put_back(trial: Trial, why: str = "is there too little memory, or was the connection lost?") -> None:
        waiting.appendleft(trial)
        failures[trial.key] += 1
        if failures[trial.key] > FAILURES:
            raise Unavailable(f"{_named(trial)}: {FAILURES + 1} workers have failed at this; {why}")

    while waiting or tasks:
        live = workers.there()
        for future in [future for future, (worker, _) in tasks.items() if worker not in live]:
            future.cancel()
            put_back(tasks.pop(future)[1])
        refused &= live.keys()
        if refused == live.keys() and not workers.may_come:
            raise CheckFailed("no worker is left: the lines above say why each is left out")
        idle = sorted(live.keys() - {worker for worker, _ in tasks.values()} - refused)
        for name in idle[: len(waiting)]:
            trial = waiting.popleft()
            given = trial.params, expected[trial.params.recipe.kind], workers.text(), text_sha256, workers.threads
            try:
                tasks[live[name].submit(checked_trial, *given)] = name, trial
            except workers.losses:  # the worker has ended while idle
                workers.lost(name)
                put_back(trial)
        if not tasks:
            warn_once("workers", "no worker is available; trials wait for one")
            sleep(SECONDS_BETWEEN_LOOKS)
        for future in wait(tasks, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED).done:
            worker, trial = tasks.pop(future)
            try:
                own, answer = future.result()
                differs = _difference(expected[trial.params.recipe.kind], own)
            except workers.losses:
                workers.lost(worker)
                put_back(trial)
                continue
            except Exception as error:  # noqa: BLE001  any error is the worker's: its sources are others
                answer, differs = None, _quoted(f"{type(error).__name__}: {error}")
            if not differs and isinstance(answer, Run) and answer[:2] == (trial.params, text_sha256):
                yield trial, answer
                continue
            why = _quoted(answer) if isinstance(answer, str) else "its answer is not a run of this trial"
            refused.add(worker)
            line = f"worker {in_line(worker)} is left out: {differs or f'{_named(trial)}: {why}'}"
            warn_once(line, line)
            if differs:
                waiting.appendleft(trial)
            else:
                put_back(trial, f"the last error: {why}")
        yield None


def _named(trial: Trial) -> str:
    return f"{trial.setting}, seed {trial.seed}"


def _quoted(message: object) -> str:
    """Return the first line of a message, at most QUOTED characters, safe to print; `no answer` if it is empty."""
    return in_line(str(message).partition("\n")[0][:QUOTED]) or "no answer"


def _difference(own: Mapping[str, str], identity: Any) -> str:
    """Return how a worker's identity (see `identity`) differs from our own; "" if it does not."""
    facts = identity if isinstance(identity, dict) else {}
    wrong = [name for name in own if facts.get(name) != own[name]]
    return "; ".join(f"its {name} is {_quoted(facts.get(name))}, not {own[name]}" for name in wrong)
