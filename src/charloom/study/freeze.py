"""Freeze a study's question: the first start writes params, the text's hash and the question to asked.json. Later
starts read this file.

These edits of the study's file need no `--anew`: another title, more seeds after the present ones, and other looks
before the first answer. Every other change of the question needs `--anew`.
"""

import hashlib
import sys
from contextlib import suppress
from itertools import chain
from pathlib import Path

from charloom.core.base.errors import CharloomError, Damaged, WrongInput
from charloom.core.base.storage import sha256_of_text, write_json
from charloom.core.base.terminal import for_shell
from charloom.core.base.words import in_line
from charloom.core.config.params import PARAMS, Params, as_yaml, flat_of
from charloom.core.config.reading import read_params, validated, with_overrides
from charloom.core.network.recipe import KERNEL, NUMPY
from charloom.core.text.corpus import read_text, split, survey
from charloom.results.commits import from_commits
from charloom.results.keys import SIGNATURE, arithmetic_of, differing
from charloom.results.study_table import (
    METRIC_NAMES,
    QUESTION_FILE,
    TRIALS_FILE,
    FrozenQuestion,
    Runs,
    read_frozen_question,
    read_runs,
)
from charloom.study.study_file import Study, StudyFile, read_question, study_of
from charloom.study.trial import small_trial

RESTART_HINT = "`charloom study FILE --anew` starts the study again, with params.yaml as it is now"


def read_study(path: Path, *, anew: bool = False) -> Study:
    """Return the study of a file, with the params and text of the study's first start, and the runs in its tables.

    A study that has not started, or any study with `anew`, has the params of the present params.yaml, and no runs.

    Raises WrongInput if the study's file is invalid, if its question or the arithmetic has changed since the first
    start, or if the table has rows that are no trials of this question. For a study that has not started, raises
    WrongInput as `freeze_question` does, and if its folder contains other files. The message names the file, the key
    and what is allowed. Raises Damaged if a table is invalid, or asked.json is missing beside a table.
    """
    question, folder = read_question(path), path.with_suffix("")
    if anew or not is_started(folder):
        ensure_no_other_files(folder)
        study = with_training_text(freeze_question(path, question))
        ensure_new_question(study)
        return study
    frozen = read_frozen_question(folder / QUESTION_FILE)
    study = study_of(path, question, frozen, read_runs(folder, frozen))
    _ensure_same(study)
    if foreign_rows := len(study.runs) - len(study.trained()):
        raise WrongInput(f"{folder / 'trials.csv'}: {foreign_rows} rows belong to no trial of {path}; {RESTART_HINT}")
    return study


def ensure_no_other_files(folder: Path) -> None:
    """Raise WrongInput if the folder holds files, but no study.

    A study named reports.yaml would replace reports/report.html. In studies/, only report.html is left after Git has
    removed a study's other files, because Git ignores report.html.
    """
    names = [path.name for path in folder.glob("[!.]*") if path.name != "README.md"]
    if names and not is_started(folder):
        is_left = folder.parent.name == "studies" and names == ["report.html"]
        mend = f"`rm {for_shell(str(folder / names[0]))}`, or " if is_left else ""
        raise WrongInput(f"{folder}: contains {in_line(min(names))}, but no study; {mend}give the study another name")


def is_started(folder: Path) -> bool:
    """Return whether the folder holds asked.json or trials.csv, so a study has started there."""
    return any((folder / name).exists() for name in (QUESTION_FILE, TRIALS_FILE))


def freeze_question(path: Path, question: StudyFile) -> Study:
    """Return the study with this question and the params of the present params.yaml, without runs.

    Raises WrongInput if params.yaml, the text or the question is invalid.
    """
    usual = read_params()
    text = question.text or usual.prepare.text
    try:
        digest = sha256_of_text(Path(text))
    except (OSError, ValueError) as error:
        raise WrongInput(f"{text}: {getattr(error, 'strerror', error)}; allowed is a text file in UTF-8") from None
    frozen = FrozenQuestion(
        text=text, sha256=digest, params=with_overrides(usual, {"prepare.text": text}, path), arithmetic={},
        question=question.recorded, left_open=_left_open(question, usual),
        measures=METRIC_NAMES,
    )  # fmt: skip
    study = study_of(path, question, frozen, Runs())
    kinds = sorted({params.recipe.kind for params in study.settings.values()})
    arithmetic = {kind: arithmetic_of(kind) for kind in kinds}
    return study._replace(frozen=frozen.model_copy(update={"arithmetic": arithmetic}))


def with_training_text(study: Study) -> Study:
    """Return the study with the digest of the part of the text that its trainings read.

    The digest is the same if files differ only in a byte-order mark, in line ends, or in held-out text of equal length.
    Raises WrongInput if the text is invalid.
    """
    text = survey(Path(study.frozen.text))
    left, _ = split(text.characters, study.frozen.params.prepare.held_out)
    digest = hashlib.sha256(text.vocabulary.characters.encode())
    for piece in read_text(text.path):
        digest.update(piece[:left].encode())
        left = max(0, left - len(piece))
    return study._replace(frozen=study.frozen.model_copy(update={"training_sha256": digest.hexdigest()}))


def ensure_new_question(study: Study) -> None:
    """Raise WrongInput if another study asks the same question. The new study would not use the other's answer."""
    folders = {study.path.parent, Path("studies")}
    for file in sorted(chain.from_iterable(folder.glob(f"*/{QUESTION_FILE}") for folder in folders)):
        other = file.parent
        if other.resolve() != study.folder.resolve() and _key_in(file) == study.question_key:
            remedy = f"`charloom study {_file_of(other)}` answers it"
            raise WrongInput(f"{study.path}: {other} asks the same question; {remedy}")


def _key_in(file: Path) -> str:
    """Return the key of the question in an asked.json; "" if the file is invalid."""
    with suppress(CharloomError):
        return study_of_frozen(file.parent, read_frozen_question(file)).question_key
    return ""


def study_of_frozen(folder: Path, frozen: FrozenQuestion) -> Study:
    """Return the study of the question in asked.json, without runs. Raises CharloomError if `frozen` is invalid."""
    return study_of(_file_of(folder), validated(StudyFile, frozen.question, folder / QUESTION_FILE), frozen, Runs())


def _file_of(folder: Path) -> Path:
    """Return the study's file of this folder: `studies/x.yaml`, or `studies/x.yml` if this file exists."""
    file = Path(f"{folder}.yml")
    return file if file.exists() else Path(f"{folder}.yaml")


def write_frozen_question(study: Study) -> None:
    """Write asked.json if its content has changed, for instance by more seeds.

    The new asked.json states that the present sources made the rows. So the caller has to check this first, with
    `read_study_to_train`, or by rebuilding all rows.
    """
    baseline = flat_of(study.settings[study.baseline])
    question = study.question.recorded
    question["baseline"] = {name: baseline[name] for name in study.columns}  # in full: params.yaml may change
    update = {"question": question, "small_trials": small_trials(study.frozen)}
    content, file, old = study.frozen.model_copy(update=update), study.folder / QUESTION_FILE, None
    with suppress(Damaged):  # missing, or damaged before `--anew`
        old = read_frozen_question(file)
    if old != content:
        write_json(file, content.model_dump(mode="json", exclude_defaults=True))


def warn_of_other_params(study: Study) -> None:
    """Write a line to stderr if params.yaml differs from the params in asked.json, which the study uses.

    Nothing is written if params.yaml is invalid.
    """
    with suppress(WrongInput):
        if difference := _differ(read_params(), study.frozen.params, set()):
            sys.stderr.write(f"{PARAMS} has {difference}; {study.path} keeps the params of its first start\n")


def _differ(present: Params, earlier: Params, left_out: set[str]) -> str:
    """Return `eta 0.05, not 0.1; m 50, not 100`: the params that differ, except the seed and those in `left_out`."""
    values, before = flat_of(present), flat_of(earlier)
    names = [name for name in differing([earlier, present]) if name not in {"seed", *left_out}]
    return "; ".join(f"{name} {as_yaml(values[name])}, not {as_yaml(before[name])}" for name in names)


def _left_open(question: StudyFile, params: Params) -> str:
    """Return how `params` differ from HEAD's params.yaml, in the params that the question does not set.

    The result is "" if nothing differs, or HEAD has no valid params.yaml.
    """
    with suppress(CharloomError):  # no repository
        if head := next(from_commits(["HEAD"])).params:
            return _differ(params, head, set.intersection(*map(set, [question.baseline, *question.overrides()])))
    return ""


def read_study_to_train(path: Path, *, anew: bool) -> Study:
    """Return the study of a file as `read_study` does, for a start that trains; warn of other params in params.yaml.

    Raises WrongInput as `read_study` and `ensure_text` do. Raises WrongInput if the present sources give other results
    than the sources that made the rows: asked.json has digests of small trials (see trial.small_trial) by those
    sources, and a digest differs or is missing. Raises WrongInput if network/ gives other results than at the first
    start.
    """
    study = read_study(path, anew=anew)
    warn_of_other_params(study)
    ensure_text(study)
    if has_other_arithmetic(study.frozen, NUMPY):
        why = "network/ gives other results than at the first start: it was edited, or this is another machine"
        raise WrongInput(f"{study.path}: {why}; {RESTART_HINT}")
    if study.runs and study.frozen.small_trials != small_trials(study.frozen):
        accept = f"`charloom study FILE --prove {len(study.runs)}` accepts the table if it rebuilds all rows"
        why = f"according to {QUESTION_FILE}, its rows were trained with other source code"
        raise WrongInput(f"{study.path}: {why}; {accept}; or {RESTART_HINT}")
    return study


def small_trials(frozen: FrozenQuestion) -> dict[str, str]:
    """Return the digest of a small trial (trial.py) for each kind of recipe in asked.json, by the present sources."""
    return {kind: small_trial(kind, frozen.measures) for kind in frozen.arithmetic}


def ensure_text(study: Study) -> None:
    """Raise WrongInput if the study's text is missing, or has another SHA-256 than at the first start."""
    frozen, text = study.frozen, Path(study.frozen.text)
    try:
        found = sha256_of_text(text)
    except OSError as error:
        found = str(error.strerror)
    if found != frozen.sha256:
        uses = f"the study uses {text} with SHA-256 {frozen.sha256}; found: {found}"
        raise WrongInput(f"{study.path}: {uses}; restore the text, or {RESTART_HINT}")


def _ensure_same(study: Study) -> None:
    """Raise WrongInput if the study's file asks another question than asked.json, or the arithmetic has changed."""
    frozen, frozen_study = study.frozen, study_of_frozen(study.folder, study.frozen)
    before, now = frozen_study.question, study.question
    changed = {
        "settings": frozen_study.settings != study.settings,
        "baseline": frozen_study.baseline != study.baseline,
        "measure": before.measure != now.measure,
        "smallest_difference": before.smallest_difference != now.smallest_difference,
        "text": now.text not in {before.text, frozen.text},
        "seeds": bool(study.runs) and now.seeds[: len(before.seeds)] != before.seeds,
        "looks": before.looks != now.looks and bool(frozen.answers),
    }
    if names := ", ".join(name for name, has_changed in changed.items() if has_changed):
        first_start = f"since the first start; {study.folder / QUESTION_FILE} has the old values: restore them, or"
        raise WrongInput(f"{study.path}: {names}: changed {first_start} {RESTART_HINT}")
    if has_other_arithmetic(frozen, KERNEL):
        why = f"its rows were computed with another arithmetic than {SIGNATURE} has"
        raise WrongInput(f"{study.path}: {why}; {RESTART_HINT}")


def has_other_arithmetic(frozen: FrozenQuestion, backend: str) -> bool:
    """Return whether the arithmetic differs from that in asked.json, for a kind of recipe with this backend."""
    kinds = {kind: digest for kind, digest in frozen.arithmetic.items() if kind.startswith(NUMPY) == (backend == NUMPY)}
    return any(arithmetic_of(kind) != digest for kind, digest in kinds.items())
