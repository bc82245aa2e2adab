"""Freeze a study's question: the first start writes params, the text's hash and the question to asked.json. Later
starts read this file.

These edits of the study's file need no `--anew`: another title, more seeds after the present ones, and other looks
before the first answer. Every other change of the question needs `--anew`.
"""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from charloom.core.base.errors import CharloomError, Damaged, WrongInput
from charloom.core.base.storage import sha256_of_text, write_json
from charloom.core.base.words import in_line
from charloom.core.config.params import PARAMS, Params, as_yaml, flat_of
from charloom.core.config.reading import read_params, validated, with_overrides
from charloom.core.network.recipe import NUMPY
from charloom.results.commits import from_commits
from charloom.results.keys import arithmetic_of, differing
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

ANEW_HINT = "`charloom study FILE --anew` starts the study again, with params.yaml as it is now"
LONG = 120  # characters of a value in a message
Difference = tuple[str, Any, Any]  # what differs, its value at the first start, its value now


def read_study(path: Path, *, anew: bool = False, trains: bool = False) -> Study:
    """Return the study of a file, with the params and text of the study's first start, and the runs in its tables.

    anew    start again: the study has the params of the present params.yaml, and no runs, as one that has not started
    trains  whether the caller trains: the text and the code must be those of the first start, too

    Raises WrongInput if the study's file is invalid, if something differs from the first start, or if the table has
    rows that are no trials of this question. For a study that has not started, raises WrongInput as `freeze_question`
    does. Raises Damaged if a table is invalid, or asked.json is missing beside
    a table.
    """
    question, folder = read_question(path), path.with_suffix("")
    if anew or not is_started(folder):
        study = freeze_question(path, question)
        ensure_new_question(study)
        return study
    frozen = read_frozen_question(folder / QUESTION_FILE)
    study = study_of(path, question, frozen, read_runs(folder, frozen))
    ensure_same(study, text=trains, code=trains)
    if trains:
        warn_of_other_params(study)
    if foreign_rows := len(study.runs) - len(study.trained()):
        raise WrongInput(f"{folder / 'trials.csv'}: {foreign_rows} rows belong to no trial of {path}; {ANEW_HINT}")
    return study


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
        question=question.recorded, left_open=_left_open(question, usual), measures=METRIC_NAMES,
    )  # fmt: skip
    study = study_of(path, question, frozen, Runs())
    kinds = sorted({params.recipe.kind for params in study.settings.values()})
    arithmetic = {kind: arithmetic_of(kind) for kind in kinds}
    return study._replace(frozen=frozen.model_copy(update={"arithmetic": arithmetic}))


def ensure_new_question(study: Study) -> None:
    """Raise WrongInput if another study asks the same question. The new study would not use the other's answer."""
    for file in sorted(Path("studies").glob(f"*/{QUESTION_FILE}")):
        if file.parent.resolve() != study.folder.resolve() and _key_in(file) == study.question_key:
            remedy = f"`charloom study {_file_of(file.parent)}` answers it"
            raise WrongInput(f"{study.path}: {file.parent} asks the same question; {remedy}")


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
    `read_study`, or by rebuilding all rows.
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


def small_trials(frozen: FrozenQuestion) -> dict[str, str]:
    """Return the digest of a small trial (trial.py) for each kind of recipe in asked.json, by the present sources."""
    return {kind: small_trial(kind, frozen.measures) for kind in frozen.arithmetic}


def differences(frozen: Study, present: Study) -> list[Difference]:
    """Return what differs between the question in asked.json and the present one: (what, before, now).

    The numbers of seeds and looks that may still change are not compared: see the module.
    """
    before, now = frozen.question, present.question
    rows: list[Difference] = [("settings", before.overrides(), now.overrides())] * (frozen.settings != present.settings)
    if frozen.baseline != present.baseline:
        rows.append(("baseline", before.baseline, now.baseline))
    rows += [(name, getattr(before, name), getattr(now, name)) for name in ("measure", "smallest_difference")]
    if now.text != frozen.frozen.text:
        rows.append(("text", before.text, now.text))
    if present.runs:
        rows.append(("seeds", before.seeds, now.seeds[: len(before.seeds)]))
    if frozen.frozen.answers:
        rows.append(("looks", before.looks, now.looks))
    rows.append((f"the SHA-256 of {frozen.frozen.text}", frozen.frozen.sha256, present.frozen.sha256))
    return [row for row in rows if row[1] != row[2]]


def ensure_same(study: Study, *, text: bool, code: bool) -> None:
    """Raise WrongInput if the study's file asks another question than asked.json.

    text  whether the content of the text has to be equal, too
    code  whether network/ and the measures have to be equal, too; the kernel has to be in any case
    """
    frozen, present = study.frozen, study
    if text:
        try:
            digest = sha256_of_text(Path(frozen.text))
        except OSError as error:
            digest = str(error.strerror)
        present = study._replace(frozen=frozen.model_copy(update={"sha256": digest}))
    if rows := differences(study_of_frozen(study.folder, frozen), present):
        both = (f"{what}: {_shown(before)} at the first start, {_shown(now)} now" for what, before, now in rows)
        raise WrongInput(f"{study.path}: {'; '.join(both)}; restore this, or {ANEW_HINT}")
    kinds = [kind for kind in frozen.arithmetic if code or not kind.startswith(NUMPY)]
    is_other = any(arithmetic_of(kind) != frozen.arithmetic[kind] for kind in kinds)
    if is_other or (code and study.runs and frozen.small_trials != small_trials(frozen)):
        accept = "" if is_other else f"; `--prove {len(study.runs)}` accepts the table if it rebuilds all rows"
        raise WrongInput(f"{study.path}: made by other code{accept}; {ANEW_HINT}")


def _shown(value: Any) -> str:
    return in_line(as_yaml(value) if value is not None else "none")[:LONG]
