"""A study from its file to its tables: what is not there yet is trained, look by look."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from shutil import copytree
from typing import NamedTuple

from charloom.base.errors import WrongInput
from charloom.base.lock import exclusive
from charloom.base.progress import progress
from charloom.base.signals import Stopped, deferred
from charloom.settings.memory import check_memory, training_memory
from charloom.settings.params import Params, read_params
from charloom.settings.pipeline import OWN
from charloom.study.cluster import cluster
from charloom.study.engine import Workers, outcomes
from charloom.study.local import processes
from charloom.study.study_file import Study
from charloom.study.study_table import Outcomes, Trial, measured, read_outcomes, trials_of, write_outcomes
from charloom.text.corpus import Survey, Text, check_lengths, read_prepared, split, survey, write_text
from paired import answered
from paired.data_types import CANNOT_TELL, Answer, Measured

WRITING = 20  # times as long as the last writing of the tables took, the next one waits


class Conducted(NamedTuple):
    """What a study came to: the SHA-256 of its text, what was measured, and what that says."""

    text_sha256: str
    measured: Measured
    answer: Answer


def conduct(study: Study, jobs: int, address: str | None) -> Conducted:
    """Train what is missing, write the tables, and return what came out.

    jobs     processes of this machine; where there is an address of a Dask scheduler, its workers do it

    Raises WrongInput where the text does not fit the study, and Stopped where a signal came: what has been trained by
    then is kept.
    """
    params = read_params()
    text = survey(Path(params.prepare.text))
    lengths = split(text.characters, params.prepare.held_out)
    _check(study, text, lengths, 1 if address else jobs)
    trials = trials_of(study, text.sha256)
    at = dict.fromkeys(trials, 0)  # seeds of each setting
    with exclusive(OWN / "studies" / f"{study.path.stem}.lock", "this study"), ExitStack() as stack:
        wanted = list(chain.from_iterable(trials.values()))
        done = _known(study, {trial.key for trial in wanted})
        workers: Workers | None = None
        for look in study.looks or [len(study.seeds)]:
            at |= dict.fromkeys(_undecided(study, trials, at, done), look)
            if missing := [trial for trial in _in_order(trials, at) if trial.key not in done]:
                workers = workers or stack.enter_context(_workers(text, lengths, jobs, address))
                _train(study, missing, wanted, done, workers)
        asked = {setting: trials[setting][: at[setting]] for setting in trials}
        write_outcomes(study, chain.from_iterable(asked.values()), done)
    found = measured(study, asked, done)
    return Conducted(text.sha256, found, answered(found))


def _known(study: Study, wanted: set[str]) -> Outcomes:
    """Return the outcomes that are there. Rows that are not wanted any more leave the table, and are kept aside."""
    aside = OWN / "studies" / study.path.stem
    here = read_outcomes(study.folder)
    known = read_outcomes(aside) | here
    if leaving := here.keys() - wanted:
        copytree(study.folder, aside, dirs_exist_ok=True)
        print(f"{study.folder}/trials.csv: {len(leaving)} rows of other params, or of another text, go to {aside}")
    return {each: known[each] for each in wanted & known.keys()}


def _undecided(study: Study, trials: dict[str, list[Trial]], at: dict[str, int], done: Outcomes) -> list[str]:
    """Return the settings that need more seeds, and the baseline if there is one."""
    if not any(at.values()):
        return list(trials)
    answer = answered(measured(study, {setting: trials[setting][: at[setting]] for setting in trials}, done))
    open_ = [each.setting for each in answer.comparisons if each.verdict == CANNOT_TELL]
    return [study.baseline, *open_] if open_ else []


def _in_order(trials: dict[str, list[Trial]], at: dict[str, int]) -> Iterator[Trial]:
    """Yield the trials seed by seed, of each seed the longest first: so few workers wait at the end."""
    for n in range(max(at.values())):
        yield from sorted((trials[each][n] for each in trials if n < at[each]), key=lambda trial: -_cost(trial.params))


def _cost(params: Params) -> int:
    return params.train.updates * params.seq_length * params.m * (params.m + 100)


def _train(study: Study, missing: list[Trial], wanted: list[Trial], done: Outcomes, workers: Workers) -> None:
    """Train the trials that are missing; the outcomes are added to `done`, and those of all `wanted` ones written."""
    dtypes = sorted({str(trial.params.train.dtype) for trial in missing})
    took, wrote, count = 0.0, time.monotonic(), 0
    print(f"{study.path}: {len(missing):,} of {len(wanted):,} trials to train", flush=True)
    with progress(study.path.stem, len(missing)) as report, deferred() as received:
        try:
            for ended in outcomes(missing, workers, dtypes):
                if received:
                    raise Stopped(received[0])
                if not ended:
                    continue
                (trial, outcome), count = ended, count + 1
                done[trial.key] = outcome
                report(count, f"trials  {trial.setting} seed {trial.seed}: {outcome.outcome}")
                if time.monotonic() - wrote > WRITING * took:
                    began = time.monotonic()
                    write_outcomes(study, wanted, done)
                    wrote = time.monotonic()
                    took = wrote - began
        finally:
            write_outcomes(study, wanted, done)


def _check(study: Study, text: Survey, lengths: tuple[int, int], jobs: int) -> None:
    """Raise WrongInput where the text does not fit a setting, Unavailable where memory does not."""
    for params in study.settings.values():
        check_lengths(text.path, lengths, params.seq_length)
        needed = jobs * training_memory(params.m, len(text.vocabulary), params.seq_length, params.train.dtype)
        check_memory(needed, f"--jobs {jobs}: training with m = {params.m} in each")
    if lengths[1] < 2 and "held_out" in study.measure:
        raise WrongInput(
            f"{study.path}: measure: {study.measure}: {lengths[1]} characters of {text.path} are held out; "
            "a larger prepare.held_out, or the measure smooth_loss, is allowed"
        )


@contextmanager
def _workers(text: Survey, lengths: tuple[int, int], jobs: int, address: str | None) -> Iterator[Workers]:
    """Give the workers, which have the text: in a file on this disk, or in a cluster's memory."""
    with tempfile.TemporaryDirectory(prefix="charloom-study-") as folder:
        path = Path(folder) / "text.npz"
        write_text(path, text, lengths)
        if not address:
            with processes(jobs, path) as workers:
                yield workers
            return
        read = read_prepared(path)
        with cluster(address, Text(read.vocabulary, read.training[:], read.held_out[:]), text.sha256) as workers:
            yield workers
