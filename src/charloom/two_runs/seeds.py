"""Find or train models of A's setting with other seeds; find costs of such models, and a verdict on B, in studies.

A and B are the two compared runs; other seeds are all except those of A and B. A trained model is kept as
.charloom/seeds/KEY.npz. KEY is a digest of A's code, setting and text, and of the seed.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, as_completed
from contextlib import suppress
from itertools import count, islice
from pathlib import Path

from charloom.core.base.errors import CharloomError, Diverged, Unavailable, WrongInput
from charloom.core.base.git import git
from charloom.core.base.processors import processors
from charloom.core.base.progress import duration, progress
from charloom.core.base.storage import write
from charloom.core.base.words import number_of
from charloom.core.config.params import Params
from charloom.core.config.pipeline import CHARLOOM_FOLDER
from charloom.core.config.records import DEFAULT_MEASURE
from charloom.core.model.model_file import Model, model_bytes, read_model
from charloom.core.runtime.memory import check_memory, training_memory
from charloom.core.text.corpus import read_prepared
from charloom.core.training.protocol import Training
from charloom.core.training.trace import EMPTY
from charloom.results.commits import from_commits
from charloom.results.dvc_lock import md5
from charloom.results.keys import arithmetic_of, setting_params, short_digest, trial_key
from charloom.results.run import Run
from charloom.results.study_table import QUESTION_FILE, read_frozen_question, read_runs
from charloom.study.conduct import seconds
from charloom.study.freeze import read_study, study_of_frozen
from charloom.study.measuring import study_measurements
from charloom.study.seeds import STUDIES, seed_range
from charloom.study.workers import processes
from charloom.two_runs.sides import Side, at_hand, read_side
from seedpairs import answered
from seedpairs.data_types import BETTER, WORSE

SEEDS = CHARLOOM_FOLDER / "seeds"
CANDIDATES = 50  # seeds, from 1 on, of which a model may exist


def models_at_hand(a: Side, b: Side) -> dict[int, Model]:
    """Return existing models of A's setting, trained by A's code, by seed. Models with A's or B's seed are left out."""
    paths = {seed: _file(a, seed) for seed in islice(_free(a, b), CANDIDATES)}
    refs = ["HEAD", *git("for-each-ref", "--format=%(objectname)", "refs/exps/??/*/**").split()]
    for ref, held in zip(refs, from_commits(refs), strict=True):
        if isinstance(held.run, Run) and _is_like(held.run, a.run) and held.run.params.seed not in _own(a, b):
            with suppress(CharloomError):
                side = read_side(ref, Path())
                if (path := at_hand(side, "models/last")) and side.code == a.code:
                    paths[held.run.params.seed] = path
    return {seed: read_model(path) for seed, path in sorted(paths.items()) if path.is_file()}


def train_models(a: Side, b: Side, text: Path, number: int) -> dict[int, Model]:
    """Return models of A's setting with other seeds; train those that are missing for `number` models, and keep them.

    Fewer are returned if a training diverges: such a seed has no model, and is trained again at the next call.

    If the code in this folder is not A's code, A's own seed is trained, too, and has to give A's model.

    text    the file of the prepared text
    number  number of models; 0 or more

    Raises WrongInput if A's own seed gives another model. Raises Unavailable if there is not enough memory.
    """
    models = models_at_hand(a, b)
    missing = list(islice((seed for seed in _free(a, b) if seed not in models), max(0, number - len(models))))
    other_code = not a.code or any(md5(Path(path)) != digest for path, digest in a.code.items())
    trials = [a.run.params.model_copy(update={"seed": seed}) for seed in missing]
    trials += [a.run.params] if trials and other_code else []
    if not trials:
        return models
    ids = read_prepared(text)
    jobs, K, lengths = min(processors(), len(trials)), len(ids.vocabulary), (len(ids.training), len(ids.held_out))
    check_memory(jobs * training_memory(a.run.params.recipe, K, sum(lengths)), f"training {jobs} seeds at a time")
    about = f"{number_of(len(trials), 'training')} of A’s setting, {seed_range(missing)}"
    sys.stderr.write(f"{about}: about {duration(seconds(trials, K, lengths, jobs))}\n")
    trained = dict[int, bytes]()  # models that are not written yet
    for params, content in _trained(trials, text, jobs):
        if params.seed == a.run.params.seed:
            if (own := at_hand(a, "models/last")) is None or own.read_bytes() != content:
                there = f"run `git switch --detach {a.commit[:12]}`, then the same command"
                raise WrongInput(f"--seeds: the code in this folder trains another model than that of A; {there}")
            other_code = False  # proven: it trains the same model
        else:
            trained[params.seed] = content
        while trained and not other_code:
            seed, model = trained.popitem()
            write(_file(a, seed), model)
    return models_at_hand(a, b)


def _trained(trials: list[Params], text: Path, jobs: int) -> Iterator[tuple[Params, bytes]]:
    """Train in processes of this machine; yield params and content of the model's file of each trial.

    A trial that diverges is left out.
    """
    with processes(jobs) as executor, progress("seeds", len(trials), stderr=True) as report:
        tasks = {executor.submit(train_last, params, text, None if jobs == 1 else 1): params for params in trials}
        for n, future in enumerate(as_completed(tasks), 1):
            try:
                with suppress(Diverged):  # such a seed has no costs
                    yield tasks[future], future.result()
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


def _file(a: Side, seed: int) -> Path:
    params = a.run.params.model_copy(update={"seed": seed})
    key = trial_key(params, a.run.text_sha256, arithmetic_of(params.recipe.kind))
    return SEEDS / f"{short_digest([key, sorted(a.code.items())])}.npz"


def _own(a: Side, b: Side) -> set[int]:
    return {a.run.params.seed, b.run.params.seed}


def _free(a: Side, b: Side) -> Iterator[int]:
    return (seed for seed in count(1) if seed not in _own(a, b))


def _is_like(run: Run, other: Run) -> bool:
    return run.measured_on == other.measured_on and setting_params(run.params) == setting_params(other.params)


def in_studies(a: Side, b: Side) -> tuple[str, dict[int, float]]:
    """Return a study's verdict on B's setting compared with A's, as a sentence, and costs of A's setting by seed.

    The sentence is "" if no study with an answer compares the two settings. The costs are held-out bits per character,
    without those of A's and B's seeds.
    """
    verdict, costs = "", dict[int, float]()
    for file in sorted(STUDIES.glob(f"*/{QUESTION_FILE}")):
        with suppress(CharloomError):  # a study of another version, or a damaged one
            study = study_of_frozen(file.parent, read_frozen_question(file))
            settings = {name: setting_params(params) for name, params in study.settings.items()}
            pair = [next((x for x in settings if settings[x] == setting_params(y.run.params)), "") for y in (a, b)]
            if study.frozen.sha256 != a.run.text_sha256 or not pair[0]:
                continue
            is_answer = study.frozen.answers and study.question.measure == DEFAULT_MEASURE
            for run in read_runs(file.parent, study.frozen, curves=False).values():
                bits = run.metrics.held_out_bits_per_character if run.metrics else None
                if bits is not None and _is_like(run, a.run) and run.params.seed not in _own(a, b):
                    costs[run.params.seed] = bits
            if is_answer and pair[1] and study.baseline in pair and pair[0] != pair[1] and a.code == b.code:
                verdict = verdict or _verdict(study.path, pair)
    return verdict, costs


def _verdict(path: Path, pair: list[str]) -> str:
    answer = answered(study_measurements(read_study(path)))
    contrast = next(own for own in answer.comparisons if own.setting in pair)
    flipped = {BETTER: WORSE, WORSE: BETTER} if answer.baseline == pair[1] else {}
    verdict = flipped.get(contrast.verdict, contrast.verdict)
    sentence = f"B’s setting is {verdict}" if verdict in {BETTER, WORSE} else f"its verdict is “{verdict}”"
    return f"A study ({path.with_suffix('')}) compares these two settings with {contrast.n} seeds each: {sentence}."
