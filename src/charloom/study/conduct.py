"""A study from its file to its tables: what is not there yet is trained, look by look."""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain, zip_longest
from pathlib import Path
from shutil import copytree

from charloom.base.errors import WrongInput
from charloom.base.lock import exclusive
from charloom.base.progress import duration, progress
from charloom.base.signals import Stopped, deferred
from charloom.base.storage import sha256
from charloom.results.study_table import Runs, keys_in, read_asked, read_runs, write_runs
from charloom.settings.memory import check_memory, training_memory
from charloom.settings.params import Params
from charloom.settings.pipeline import OWN
from charloom.study.asking import ASKED, by_these_sources, ensure_text, ensure_version, write_asked
from charloom.study.cluster import cluster
from charloom.study.duration import seconds
from charloom.study.engine import Workers, outcomes
from charloom.study.local import processes
from charloom.study.measuring import before_it_starts, measured
from charloom.study.study_file import Study
from charloom.study.trial import Trial, trials_of
from charloom.text.corpus import Survey, Text, check_lengths, read_prepared, split, survey, write_text
from paired import answered
from paired.data_types import CANNOT_TELL, INTERACTION, Answer, Measured

WRITING = 20  # times as long as the last writing of the tables took, the next one waits


def conduct(study: Study, jobs: int, address: str | None, *, anew: bool = False) -> tuple[Study, Measured, Answer]:
    """Train what is missing, write the tables, and return the study with its runs, what they measured, what that says.

    jobs     processes of this machine; where there is an address of a Dask scheduler, its workers do it
    anew     rows that are no part of the question go aside

    Raises WrongInput where the text does not fit the study, and Stopped where a signal came: what has been trained by
    then is kept.
    """
    ensure_text(study)
    text, lengths = surveyed(study, 1 if address else jobs)
    trials = trials_of(study)
    asked: dict[str, list[Trial]] = {setting: [] for setting in trials}  # of each setting, so far
    with exclusive(OWN / "studies" / f"{study.path.stem}.lock", "this study"), ExitStack() as stack:
        ensure_version(study)
        if not anew:  # as they are now: another process may just have ended
            study = study._replace(runs=read_runs(study.folder, study.asked))
        wanted = list(chain.from_iterable(trials.values()))
        study = study._replace(runs=_known(study, {trial.key for trial in wanted}, anew=anew))
        if anew and study.runs and (study.folder / ASKED).exists():  # these seeds were looked at
            study = study.answered_at(*read_asked(study.folder / ASKED).answers)
        write_asked(study)
        workers: Workers | None = None
        for line in [] if study.runs else before_it_starts(study):
            print(line, flush=True)
        for look in study.question.all_looks:
            asked |= {setting: trials[setting][:look] for setting in _undecided(study, asked)}
            if missing := [trial for trial in _in_order(asked) if trial.key not in study.runs]:
                expected = None  # of other machines nobody knows
                if not address:
                    expected = seconds([each.params for each in missing], len(text.vocabulary), lengths, jobs)
                workers = workers or stack.enter_context(_workers(study, text, lengths, jobs, address))
                _train(study, missing, wanted, workers, expected)
        needed = list(chain.from_iterable(asked.values()))
        later = study.runs.keys() - {trial.key for trial in needed}
        _put_aside(study, len(later & {*keys_in(study.folder)}), "come after the look that decides")
        _write(study, needed)
        study = study.answered_at(max(map(len, asked.values())))
        write_asked(study)
    found = measured(study, asked)
    return study, found, answered(found)


def _known(study: Study, wanted: set[str], *, anew: bool) -> Runs:
    """Return the runs that are wanted and there. Rows that are not wanted leave the table, if `anew`, and are kept."""
    aside, here = OWN / "studies" / study.path.stem, _before(study.folder) if anew else study.runs
    if anew:
        leaving = len(keys_in(study.folder)) - len(here.keys() & wanted)
        _put_aside(study, leaving, "are no part of this question, or of other sources")
    for folder in [aside, *aside.glob("*/")] if wanted - here.keys() else []:
        here = _before(folder) | here
    return {each: here[each] for each in wanted & here.keys()}


def _put_aside(study: Study, leaving: int, why: str) -> None:
    """Copy the tables, of which so many rows are about to leave, to where these are found again, and say so."""
    if leaving:
        table = study.folder / "trials.csv"
        to = OWN / "studies" / study.path.stem / sha256(table)[:12]
        print(f"{table}: {leaving} rows {why}: they go to {to}", flush=True)
        copytree(study.folder, to, dirs_exist_ok=True)


def _before(folder: Path) -> Runs:
    """Return the runs of the tables in the folder, as they were asked; none where they are not these sources' own."""
    if not (folder / ASKED).exists() or not by_these_sources(asked := read_asked(folder / ASKED)):
        return {}
    return read_runs(folder, asked, others_left_out=True)


def _write(study: Study, trials: Iterable[Trial]) -> None:
    """Write the tables: those of the trials that have run."""
    runs = study.runs
    write_runs(
        study.folder,
        study.columns,
        [(each.key, runs[each.key]) for each in trials if each.key in runs],
        study.asked.measures,
    )


def _undecided(study: Study, asked: dict[str, list[Trial]]) -> list[str]:
    """Return the settings that need more seeds, and the baseline if there is one.

    Where factors are tested these are all settings, while a setting, an average or an effect at a level is open: an
    average rests on each of them.
    """
    answer = answered(measured(study, asked))
    open_ = [each.setting for each in answer.comparisons if each.verdict == CANNOT_TELL]
    if answer.effects:
        said = [each for each in answer.effects if each.kind != INTERACTION and not each.turned_by]
        return list(study.settings) if open_ or any(each.verdict == CANNOT_TELL for each in said) else []
    return [study.baseline, *open_] if open_ else []


def _in_order(asked: dict[str, list[Trial]]) -> Iterator[Trial]:
    """Yield the trials seed by seed, of each seed the longest first: so few workers wait at the end."""
    for of_a_seed in zip_longest(*asked.values()):
        yield from sorted(filter(None, of_a_seed), key=lambda trial: -_cost(trial.params))


def _cost(params: Params) -> int:
    return params.train.updates * params.characters * params.m * (params.m + 100)


def _train(study: Study, missing: list[Trial], wanted: list[Trial], workers: Workers, expected: float | None) -> None:
    """Train the trials that are missing; their runs join the study's, and those of all `wanted` ones are written.

    expected  seconds that they take, where that is known
    """
    took, wrote, count, note = 0.0, time.monotonic(), 0, ""
    about = "" if expected is None else f", about {duration(expected)}"
    print(f"{study.path}: {len(missing):,} of {len(wanted):,} trials to train{about}", flush=True)
    with progress(study.path.stem, len(missing), expected=expected) as report, deferred() as received:
        try:
            for ended in outcomes(missing, workers, study.asked.sha256):
                if ended:
                    (trial, run), count = ended, count + 1
                    study.runs[trial.key] = run
                    note = f"{trial.setting} seed {trial.seed}: {run.outcome}"
                report(count, note)
                if received:
                    kept = f"{len(study.runs):,} of {len(wanted):,} trials are kept"
                    raise Stopped(received[0], f"{study.path}: {kept}; the same command goes on")
                if ended and time.monotonic() - wrote > WRITING * took:
                    began = time.monotonic()
                    _write(study, wanted)
                    wrote = time.monotonic()
                    took = wrote - began
        finally:
            _write(study, wanted)


def surveyed(study: Study, jobs: int) -> tuple[Survey, tuple[int, int]]:
    """Return what is known of the text, and how many of its characters are for training, and held out.

    Raises WrongInput where it does not fit a setting, Unavailable where memory does not, with so many trials at a time.
    """
    text = survey(Path(study.asked.text))
    lengths = split(text.characters, study.asked.params.prepare.held_out)
    for params in study.settings.values():
        check_lengths(text.path, lengths, params.seq_length, params.batch)
        needed = jobs * training_memory(params.recipe, len(text.vocabulary), lengths[0])
        check_memory(needed, f"--jobs {jobs}: training with m = {params.m} in each")
    if lengths[1] < 2 and "held_out" in study.question.measure:
        raise WrongInput(
            f"{study.path}: measure: {study.question.measure}: {lengths[1]} characters of {text.path} are held out; "
            "a larger prepare.held_out, or the measure smooth_loss, is allowed"
        )
    return text, lengths


@contextmanager
def _workers(study: Study, text: Survey, lengths: tuple[int, int], jobs: int, address: str | None) -> Iterator[Workers]:
    """Give the workers, which have the text: in a file on this disk, or in a cluster's memory.

    The file has one name, and the study is locked: what a kill leaves is written over by the next.
    """
    path = OWN / "studies" / f"{study.path.stem}.npz"
    try:
        write_text(path, text, lengths)
        if not address:
            with processes(jobs, path) as workers:
                yield workers
            return
        read = read_prepared(path)
        with cluster(address, Text(read.vocabulary, read.training[:], read.held_out[:]), text.sha256) as workers:
            yield workers
    finally:
        path.unlink(missing_ok=True)
