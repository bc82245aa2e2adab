"""Find or train models of both settings with other seeds; find costs of such models, and a verdict, in studies.

Other seeds are all except those of the two compared runs, A and B. A trained model is kept as .charloom/seeds/KEY.npz.
KEY is a digest of the run's code, setting and text, and of the seed.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, as_completed
from contextlib import suppress
from itertools import count, islice
from pathlib import Path

from charloom.core.base.errors import CharloomError, Diverged, Unavailable, WrongInput
from charloom.core.base.processors import processors
from charloom.core.base.progress import progress
from charloom.core.base.storage import write
from charloom.core.base.words import in_line, number_of
from charloom.core.config.params import Params
from charloom.core.config.pipeline import CHARLOOM_FOLDER
from charloom.core.config.records import DEFAULT_MEASURE
from charloom.core.model.model_file import Model, model_bytes, read_model
from charloom.core.text.corpus import read_prepared
from charloom.core.training.protocol import Training
from charloom.core.training.trace import EMPTY
from charloom.results.dvc_lock import md5
from charloom.results.keys import arithmetic_of, setting_params, short_digest, trial_key
from charloom.results.run import Run
from charloom.results.study_table import QUESTION_FILE, read_frozen_question, read_runs
from charloom.study.freeze import read_study, study_of_frozen
from charloom.study.measuring import study_measurements
from charloom.study.seeds import STUDIES, seed_range
from charloom.study.workers import processes
from charloom.two_runs.sides import Side
from seedpairs import answered
from seedpairs.data_types import BETTER, WORSE

SEEDS = CHARLOOM_FOLDER / "seeds"
CANDIDATES = 50  # seeds, from 1 on, of which a model may exist


def models_at_hand(side: Side, both: list[Side]) -> dict[int, Model]:
    """Return the trained models of the side's setting and code, by seed, without those of both runs."""
    files = {seed: _file(side, seed) for seed in islice(_free(both), CANDIDATES)}
    return {seed: read_model(path) for seed, path in files.items() if path.is_file()}


def train_models(side: Side, both: list[Side], text: Path, number: int) -> dict[int, Model]:
    """Return models of the side's setting with other seeds; train and keep those that are missing for `number`.

    Fewer are returned if a training diverges: such a seed has no model.

    text    the file of the prepared text

    Raises WrongInput if this folder has other code. Raises Unavailable if there is not enough memory.
    """
    models = models_at_hand(side, both)
    missing = list(islice((seed for seed in _free(both) if seed not in models), max(0, number - len(models))))
    if not missing:
        return models
    if any(md5(Path(path)) != digest for path, digest in side.code.items()):
        there = f"run `git switch --detach {side.commit[:12]}`, then the same command"
        raise WrongInput(f"--seeds: the code in this folder is not that of {in_line(side.name)}; {there}")
    trials = [side.run.params.model_copy(update={"seed": seed}) for seed in missing]
    sys.stderr.write(f"{in_line(side.name)}: {number_of(len(trials), 'training')}, {seed_range(missing)}\n")
    for seed, content in _trained(trials, text):
        write(_file(side, seed), content)
    return models_at_hand(side, both)


def _trained(trials: list[Params], text: Path) -> Iterator[tuple[int, bytes]]:
    """Train in processes of this machine; yield seed and content of the model's file, unless the training diverges."""
    jobs = min(processors(), len(trials))
    with processes(jobs) as executor, progress("seeds", len(trials), stderr=True) as report:
        tasks = {executor.submit(train_last, params, text, None if jobs == 1 else 1): params for params in trials}
        for n, future in enumerate(as_completed(tasks), 1):
            try:
                with suppress(Diverged):  # such a seed has no costs
                    yield tasks[future].seed, future.result()
            except BrokenExecutor:
                why = "a training ended without a result: is there too little memory?"
                raise Unavailable(f"--seeds: {why}") from None
            report(n, f"seed {tasks[future].seed}")


def train_last(params: Params, text: Path, threads: int | None) -> bytes:
    """Train to the end; return the bytes of the model's file, equal to those that the pipeline writes."""
    training = Training(params, read_prepared(text), Path(), {})
    for block in training.blocks(training.initial(), EMPTY, params.train.updates, threads=threads):
        rows = block.rows
    state = rows.state
    return model_bytes(training.model(state.update, float(rows.smooth_losses[-1]), state.theta, state.carried))


def _file(side: Side, seed: int) -> Path:
    params = side.run.params.model_copy(update={"seed": seed})
    key = trial_key(params, side.run.text_sha256, arithmetic_of(params.recipe.kind))
    return SEEDS / f"{short_digest([key, sorted(side.code.items())])}.npz"


def _seeds(both: list[Side]) -> set[int]:
    return {side.run.params.seed for side in both}


def _free(both: list[Side]) -> Iterator[int]:
    return (seed for seed in count(1) if seed not in _seeds(both))


def _is_like(run: Run, other: Run) -> bool:
    return run.measured_on == other.measured_on and setting_params(run.params) == setting_params(other.params)


def in_studies(a: Side, b: Side) -> tuple[str, list[dict[int, float]]]:
    """Return a study's verdict on B's setting compared with A's, as a sentence, and costs of both settings by seed.

    The sentence is "" if no study with an answer compares the two settings. The costs are held-out bits per character,
    without those of A's and B's seeds.
    """
    verdict, costs = "", [dict[int, float](), dict[int, float]()]
    for file in sorted(STUDIES.glob(f"*/{QUESTION_FILE}")):
        with suppress(CharloomError):  # a study of another version, or a damaged one
            study = study_of_frozen(file.parent, read_frozen_question(file))
            settings = {name: setting_params(params) for name, params in study.settings.items()}
            pair = [next((x for x in settings if settings[x] == setting_params(y.run.params)), "") for y in (a, b)]
            if study.frozen.sha256 != a.run.text_sha256 or not any(pair):
                continue
            for run in read_runs(file.parent, study.frozen, curves=False).values():
                bits = run.metrics.held_out_bits_per_character if run.metrics else None
                for side, known in zip((a, b), costs, strict=True):
                    if bits is not None and _is_like(run, side.run) and run.params.seed not in _seeds([a, b]):
                        known[run.params.seed] = bits
            is_answer = study.frozen.answers and study.question.measure == DEFAULT_MEASURE
            if is_answer and all(pair) and study.baseline in pair and pair[0] != pair[1] and a.code == b.code:
                verdict = verdict or _verdict(study.path, pair)
    return verdict, costs


def _verdict(path: Path, pair: list[str]) -> str:
    answer = answered(study_measurements(read_study(path)))
    contrast = next(own for own in answer.comparisons if own.setting in pair)
    flipped = {BETTER: WORSE, WORSE: BETTER} if answer.baseline == pair[1] else {}
    verdict = flipped.get(contrast.verdict, contrast.verdict)
    sentence = f"B’s setting is {verdict}" if verdict in {BETTER, WORSE} else f"its verdict is “{verdict}”"
    return f"A study ({path.with_suffix('')}) compares these two settings with {contrast.n} seeds each: {sentence}."
