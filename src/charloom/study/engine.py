"""Run trials on workers: each worker passes a check before its first trial.

If a worker is lost (it ends, or its connection breaks), its trial goes back into the queue. The results of a trial do
not depend on the worker or the time.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from time import sleep

from charloom.base.errors import CharloomError, CheckFailed, Unavailable
from charloom.base.terminal import in_line, warn_once
from charloom.results.identity import arithmetic_of
from charloom.results.run import Run
from charloom.settings.params import Params
from charloom.signature.hashes import arithmetic
from charloom.study.study_file import Trial
from charloom.study.trial import small_trial, train_trial
from charloom.study.workers import Workers
from charloom.text.corpus import Text, read_prepared

PAUSE = 1.0  # seconds between two queries of the list of workers while no trial ends
FAILURES = 3  # workers that may fail at the same trial; one more is an error
QUOTED = 300  # characters of a worker's message that are shown
LOST = "is there too little memory, or was the connection lost?"

_prepared = lru_cache(read_prepared)


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
    params: Params, expected: dict[str, str], text: Path | Text, text_sha256: str, threads: int | None
) -> Run:
    """Check this process, a worker, train a trial, and return its run.

    text  the path of a prepared file, or its content

    Raises CheckFailed, and trains nothing, if this process's identity is not `expected`. Raises Unavailable for any
    exception of the training: another worker may have more memory, or a disk that is not full.
    """
    own = identity(params.recipe.kind)
    if differ := [name for name in expected if own.get(name) != expected[name]]:
        raise CheckFailed("; ".join(f"its {name} is {own.get(name)}, not {expected[name]}" for name in differ))
    try:
        return train_trial(params, _prepared(text) if isinstance(text, Path) else text, text_sha256, threads)
    except Exception as error:  # noqa: BLE001  whatever it is, another worker may succeed
        raise Unavailable(f"{type(error).__name__}: {error}") from None


def outcomes(trials: Collection[Trial], workers: Workers, text_sha256: str) -> Iterator[tuple[Trial, Run] | None]:
    """Yield each trial with its run as soon as it ends, and None at least about once a second.

    The caller can stop at each None. While no worker is available, the trials wait, after a warning.

    If a worker fails the check of its `identity`, if the training raises an exception, or if the answer is no run of
    the trial, the worker gets no further trial while it is connected, and a line says why. A trial without a run goes
    back to the head of the queue.

    Raises CheckFailed if no worker is left and none may join. Raises Unavailable if more than FAILURES workers are lost
    or fail while they train one trial, or the source of workers is gone.
    """
    waiting, refused, failures = deque(trials), set[str](), Counter[str]()
    tasks: dict[Future[Run], tuple[str, Trial]] = {}  # the task's worker and trial
    expected = {kind: identity(kind, arithmetic_of) for kind in {trial.params.recipe.kind for trial in trials}}

    def put_back(trial: Trial, why: str, *, failed: bool = True) -> None:
        waiting.appendleft(trial)
        failures[trial.key] += failed
        if failures[trial.key] > FAILURES:
            raise Unavailable(f"{trial.name}: {FAILURES + 1} workers have failed at this; {why}")

    while waiting or tasks:
        live = workers.there()
        for future in [future for future, (worker, _) in tasks.items() if worker not in live]:
            future.cancel()
            put_back(tasks.pop(future)[1], LOST)
        refused &= live.keys()
        if refused == live.keys() and not workers.may_come:
            raise CheckFailed("no worker is left: the lines above say why each is left out")
        idle = sorted(live.keys() - {worker for worker, _ in tasks.values()} - refused)
        for name in idle[: len(waiting)]:
            trial = waiting.popleft()
            given = trial.params, expected[trial.params.recipe.kind], workers.text, text_sha256, workers.threads
            try:
                tasks[live[name].submit(checked_trial, *given)] = name, trial
            except workers.losses:  # the worker has ended while idle
                workers.lost(name)
                put_back(trial, LOST)
        if not tasks:
            warn_once("workers", "no worker is available; trials wait for one")
            sleep(PAUSE)
        for future in wait(tasks, PAUSE, FIRST_COMPLETED).done:
            worker, trial = tasks.pop(future)
            try:
                run = future.result()
                if not isinstance(run, Run) or run[:2] != (trial.params, text_sha256):
                    raise TypeError("its answer is not a run of this trial")
            except workers.losses:
                workers.lost(worker)
                put_back(trial, LOST)
            except Exception as error:  # noqa: BLE001  any error is the worker's: a full disk, other sources
                why = str(error) if isinstance(error, CharloomError) else f"{type(error).__name__}: {error}"
                why = in_line(why.partition("\n")[0][:QUOTED])
                line = f"worker {in_line(worker)} is left out after {trial.name}: {why}"
                warn_once(line, line)
                refused.add(worker)
                put_back(trial, f"the last error: {why}", failed=isinstance(error, Unavailable))
            else:
                yield trial, run
        yield None
