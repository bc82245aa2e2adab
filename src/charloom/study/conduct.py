"""Run a study: train the missing trials up to each look in turn, and write the study's tables."""

import time
from collections.abc import Collection
from contextlib import ExitStack
from itertools import chain, zip_longest
from pathlib import Path
from shutil import copyfile, move

import numpy as np

from charloom.core.backend.backends import BACKENDS
from charloom.core.base.errors import WrongInput
from charloom.core.base.progress import progress
from charloom.core.base.signals import Stopped, deferred
from charloom.core.base.storage import exclusive, sha256
from charloom.core.config.params import Params
from charloom.core.config.pipeline import CHARLOOM_FOLDER
from charloom.core.config.records import NATS
from charloom.core.network.recipe import NUMPY
from charloom.core.network.state import initial_state
from charloom.core.runtime.memory import check_memory, training_memory
from charloom.core.text.corpus import Survey, check_lengths, split, survey, write_text
from charloom.results.study_table import QUESTION_FILE, write_runs
from charloom.study.freeze import read_study, write_frozen_question
from charloom.study.measuring import before_it_starts, study_measurements
from charloom.study.seeds import with_known_analyses
from charloom.study.study_file import Study, Trial
from charloom.study.workers import Task, outcomes
from seedpairs import answered
from seedpairs.analysis import with_labels
from seedpairs.data_types import CANNOT_TELL, INTERACTION, Analysis

WRITING = 20  # pause between two writings of the tables, in multiples of the time that a writing takes
STARTING = 5.0  # seconds, roughly, until a worker has started and passed its check
TIMING_SECONDS = 0.3  # seconds of timing for each kind of settings, about
TIMING_CHARACTERS = 100_000  # characters of the text that is used for timing, at least
READING_SPEED = 3  # a measure reads so many characters in the time that training takes for one


def conduct(
    path: Path, jobs: int, address: str | None, *, anew: bool = False, reuse: bool = False
) -> tuple[Study, Analysis]:
    """Train missing trials and write the tables; return the study with its runs, and the answer.

    After each look, only settings without a verdict get more seeds: see `undecided`.

    path     the study's file
    jobs     number of processes on this machine that train
    address  address of a Dask scheduler, whose workers train instead of these processes; None: no cluster
    anew     start the study again, as `--anew` does; its tables are moved to .charloom
    reuse    answer without a claim if other answers have shown the seeds, as `--reuse-seeds` does

    Raises WrongInput and Damaged as `read_study`, `with_known_analyses` and `surveyed` do, and WrongInput if Dask is
    missing. Raises Unavailable if another process runs the study, memory is too small, or workers fail, and CheckFailed
    if a worker has other code. Raises Stopped after a signal. Finished trials are kept in every case.
    """
    with exclusive(CHARLOOM_FOLDER / "studies" / f"{path.stem}.lock", "this study"), ExitStack() as stack:
        study = with_known_analyses(read_study(path, anew=anew, trains=True), reuse=reuse)
        if address and any(params.backend == NUMPY for params in study.settings.values()):
            why = "the backend numpy has the same bits on one machine only; leave --dask out"
            raise WrongInput(f"--dask: {study.path} has settings with backend numpy: {why}")
        text, lengths = surveyed(study, 1 if address else jobs)
        if not study.runs:
            _move_away(study.folder)
            for line in before_it_starts(study):
                print(line, flush=True)
        write_frozen_question(study)
        trials = study.trials()
        task: Task | None = None
        scheduled: dict[str, list[Trial]] = {setting: [] for setting in trials}  # to the trials of the looks so far
        for look in study.question.all_looks:
            analysis = answered(study_measurements(study, scheduled))
            scheduled |= {setting: trials[setting][:look] for setting in undecided(analysis)}
            in_order = filter(None, chain.from_iterable(zip_longest(*scheduled.values())))  # seed by seed
            if missing := [trial for trial in in_order if trial.key not in study.runs]:
                if task is None:
                    # The file's name depends only on the locked study: the start after a kill overwrites the file.
                    prepared = CHARLOOM_FOLDER / "studies" / f"{path.stem}.npz"
                    stack.callback(prepared.unlink, missing_ok=True)
                    write_text(prepared, text, lengths)
                    kinds = {params.recipe.kind for params in study.settings.values()}
                    task = Task(kinds, prepared, study.frozen.sha256)
                _train(study, missing, task, address or jobs)
            study = study.with_analysis_at(max(map(len, scheduled.values())))  # also if the next look is never reached
            write_frozen_question(study)
        needed = {trial.key for trial in chain(*scheduled.values())}  # others come after the look that decided
        study = study._replace(runs={key: study.runs[key] for key in needed})
        _write(study)
    return study, with_labels(answered(study_measurements(study)))


def _move_away(folder: Path) -> None:
    """Move the tables and page of the folder's earlier study to .charloom, and print where they are."""
    if (folder / QUESTION_FILE).exists():
        to = CHARLOOM_FOLDER / "studies" / sha256(folder / QUESTION_FILE)[:12] / folder.name
        to.mkdir(parents=True, exist_ok=True)
        copyfile(folder / QUESTION_FILE, to / QUESTION_FILE)  # the new question replaces it
        for file in folder.glob("[!.]*.[ch]*"):
            move(file, to / file.name)
        print(f"{folder}: its old tables are in {to}", flush=True)


def _write(study: Study) -> None:
    """Write the study's tables with the runs of its trials."""
    rows = [(trial.key, study.runs[trial.key]) for trial in study.trained()]
    write_runs(study.folder, study.columns, rows, study.frozen.measures)


def undecided(analysis: Analysis) -> list[str]:
    """Return the settings that need more seeds: those without a verdict, and the baseline; [] if all have a verdict.

    If effects of factors are tested, return all settings if a setting, an average effect, or an effect at one level
    of another factor has no verdict, because an average needs the seeds of all settings. Averages whose sign other
    factors reverse do not count.
    """
    open_ = [contrast.setting for contrast in analysis.comparisons if contrast.verdict == CANNOT_TELL]
    tested = [effect for effect in analysis.effects if effect.kind != INTERACTION and not effect.turned_by]
    if not open_ and all(effect.verdict != CANNOT_TELL for effect in tested):
        return []
    return [summary.setting for summary in analysis.summaries] if analysis.effects else [analysis.baseline, *open_]


def _train(study: Study, missing: list[Trial], task: Task, where: int | str) -> None:
    """Train the missing trials, and add their runs to the study and to its tables. `where`: see `outcomes`.

    The tables are written repeatedly, and at the end, also after an exception. Raises Stopped after a signal. Raises
    CheckFailed or Unavailable as `outcomes` does.
    """
    wanted = len(study.settings) * len(study.question.seeds)
    next_writing, count, note = 0.0, 0, ""
    print(f"{study.path}: {len(missing):,} of {wanted:,} trials to train", flush=True)
    with progress(study.path.stem, len(missing)) as report, deferred() as received:
        try:
            for ended in outcomes(missing, task, where):
                if ended:
                    (trial, run), count = ended, count + 1
                    study.runs[trial.key] = run
                    note = f"{trial.name}: {run.outcome}"
                report(count, note)
                if received:
                    finished = f"{len(study.runs):,} of {wanted:,} trials are kept; the same command continues"
                    raise Stopped(received[0], f"{study.path}: {finished}")
                if ended and (began := time.monotonic()) > next_writing:
                    _write(study)
                    next_writing = began + (1 + WRITING) * (time.monotonic() - began)
        finally:
            _write(study)


def surveyed(study: Study, jobs: int) -> tuple[Survey, tuple[int, int]]:
    """Read the study's text once; return the text's Survey, and its numbers of characters (training, held out).

    jobs  number of trials that run at the same time

    Raises WrongInput if the text cannot be read, is too short for a setting, or holds out too little for the measure.
    Raises Unavailable if `jobs` trials need too much memory.
    """
    text = survey(Path(study.frozen.text))
    lengths = split(text.characters, study.frozen.params.prepare.held_out)
    for params in study.settings.values():
        check_lengths(text.path, lengths, params.seq_length, params.batch)
        needed = jobs * training_memory(params.recipe, len(text.vocabulary), text.characters)
        check_memory(needed, f"training with m = {params.m} and --jobs {jobs}")
    if lengths[1] < 2 and study.question.measure.unit != NATS:
        why = f"measure: {study.question.measure}: {lengths[1]} characters of {text.path} are held out"
        raise WrongInput(f"{study.path}: {why}; set a larger prepare.held_out, or the measure smooth_loss")
    return text, lengths


def seconds(trials: Collection[Params], K: int, lengths: tuple[int, int], jobs: int) -> float:
    """Estimate the seconds for all trials together, including the start of the workers, by timing a few updates.

    A trial's work includes measuring the held-out text twice, with the last and with the best model.

    trials   the params of each trial
    K        number of different characters in the text
    lengths  numbers of the text's characters for training and held out
    jobs     number of trials that run at the same time; a single one uses all processors
    """
    rates, took = dict[tuple[object, ...], float](), 0.0
    for params in trials:
        kind = params.m, params.loss_of, params.recipe.kind  # the time per character depends on these
        if kind not in rates:
            rates[kind] = _rate(params, K, None if jobs == 1 else 1, lengths[0])
        measured = 2 * min(lengths[1], params.train.held_out_characters) / READING_SPEED
        took += rates[kind] * (params.train.updates * params.characters + measured)
    return STARTING + took / min(jobs, len(trials))


def _rate(params: Params, K: int, threads: int | None, most: int) -> float:
    """Return the seconds of training per character, timed with doubling numbers of updates.

    The updates read an arbitrary text, because its content does not affect the time. The learning rate and the initial
    weights do not affect the time either; small ones are used, so that no training diverges.

    threads  number of threads of a training; None: as many as are fastest
    most     characters of the text, at most
    """
    recipe, count, took = params.model_copy(update={"eta": 1e-9, "sigma": 0.01}).recipe, 1, 0.0
    ids = np.arange(min(most, max(20 * params.characters + 1, TIMING_CHARACTERS))) % K
    state = initial_state(recipe, K, 1)
    advance = BACKENDS[recipe.backend].advance
    advance(state, ids, 1, recipe, threads)  # compiles the kernel
    while took < TIMING_SECONDS / 2:
        count, began = 2 * count, time.perf_counter()
        advance(state, ids, count, recipe, threads)
        took = time.perf_counter() - began
    return took / count / params.characters
