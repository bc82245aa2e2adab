"""Freeze a study's question: the first start writes params, the text's hash and the question to asked.json. Later
starts read this file.

These edits of the study's file need no `--anew`: another title, more seeds after the present ones, and other looks
before the first look is reached. Every other change of the question needs it.
"""

import sys
from contextlib import suppress
from itertools import chain
from pathlib import Path

from charloom.base.errors import CharloomError, WrongInput
from charloom.base.storage import sha256, write_json
from charloom.base.terminal import in_line
from charloom.results.commits import from_commits
from charloom.results.identity import SIGNATURE, arithmetic_of, differing
from charloom.results.study_table import METRICS, Asked, Runs, read_asked, read_runs
from charloom.settings.params import PARAMS, Params, as_yaml, checked, flat_of, overridden, read_params
from charloom.settings.pipeline import HERE, Project
from charloom.study.study_file import Study, StudyFile, read_question, study_of
from charloom.study.trial import small_trial, trials_of, trials_there

ASKED = "asked.json"
ANEW = "`charloom study FILE --anew` starts the study again, with params.yaml as it is now"


def read_study(path: Path, *, anew: bool = False, project: Project = HERE) -> Study:
    """Return the study of a file, with the params and text of the study's first start, and the runs in its tables.

    A study that has not started, or any study with `anew`, has the params of the present params.yaml, and no runs.

    Raises WrongInput if the study's file is invalid, if its question or the arithmetic has changed since the first
    start, if the table has rows that are no trials of this question, or if a table exists without asked.json. For a
    study that has not started, raises WrongInput if its folder contains other files, and as `asked_now` does. The
    message names the file, the key and what is allowed. Raises Damaged if a table is invalid.
    """
    given, folder = read_question(project.root / path), (project.root / path).with_suffix("")
    if anew or not is_started(folder):
        names = [path.name for path in folder.glob("[!.]*") if path.name != "README.md"]
        if names and not is_started(folder):  # a study named reports.yaml would mix its tables with the report
            raise WrongInput(f"{folder}: contains {in_line(min(names))}, but no study; give the study another name")
        return asked_now(path, given, project)
    if not (file := folder / ASKED).exists():
        raise WrongInput(f"{file}: No such file or directory; `git restore {file}` brings it back, or {ANEW}")
    asked = read_asked(file)
    study = _same(study_of(path, given, asked, read_runs(folder, asked)), project)
    if others := len(study.runs) - len(trials_there(study)):
        raise WrongInput(f"{folder / 'trials.csv'}: {others} rows belong to no trial of {path}; {ANEW}")
    return study


def is_started(folder: Path) -> bool:
    """Return whether the folder holds asked.json or trials.csv, so a study has started there."""
    return any((folder / name).exists() for name in (ASKED, "trials.csv"))


def asked_now(path: Path, given: StudyFile, project: Project = HERE) -> Study:
    """Return the file's study with the params of the present params.yaml, and without runs.

    Raises WrongInput if params.yaml, the text or the question is invalid, or another study asks the same question: the
    looks belong to the question, so a second name would not count them.
    """
    study = study_of(path, given, _asked_now(path, given, project), Runs())
    folders = {project.root / path.parent, project.root / "studies"}
    for file in sorted(chain.from_iterable(folder.glob(f"*/{ASKED}") for folder in folders)):
        other = file.parent
        if other.resolve() != (project.root / study.folder).resolve() and _key_in(file) == study.named:
            raise WrongInput(f"{path}: {other} asks the same question; `charloom study {other}.yaml` answers it")
    return study


def _key_in(file: Path) -> str:
    """Return the key of the question in an asked.json; "" if the file is invalid."""
    with suppress(CharloomError):
        return _as_asked(file.parent, read_asked(file)).named
    return ""


def _as_asked(folder: Path, asked: Asked) -> Study:
    """Return the study whose question is that in asked.json, without runs. Raises WrongInput if it is invalid."""
    return study_of(folder.with_suffix(".yaml"), checked(StudyFile, asked.question, folder / ASKED), asked, Runs())


def write_asked(study: Study) -> None:
    """Write asked.json if its content has changed, for instance by more seeds.

    asked.json then says that the sources here made the rows. So the caller first checks this with `ensure_version`, or
    by rebuilding all rows.
    """
    baseline = flat_of(study.settings[study.baseline])
    question = study.question.recorded
    question["baseline"] = {name: baseline[name] for name in study.columns}  # in full: params.yaml may change
    update = {"question": question, "small_trials": _small_trials(study.asked)}
    content, file = study.asked.model_copy(update=update), study.folder / ASKED
    if not file.exists() or read_asked(file) != content:
        write_json(file, content.model_dump(mode="json", exclude_defaults=True))


def warn_of_other_params(study: Study) -> None:
    """Write a line to stderr if params.yaml differs from the params in asked.json, which the study uses.

    Nothing is written if params.yaml is invalid.
    """
    with suppress(WrongInput):
        own = {"prepare.text"} if "text" in study.asked.question else set()
        if differ := _differ(read_params(), study.asked.params, own):
            sys.stderr.write(f"{PARAMS} has {differ}; {study.path} keeps the params of its first start\n")


def _differ(now: Params, then: Params, left_out: set[str]) -> str:
    """Return `eta 0.05, not 0.1; m 50, not 100`: the params that differ, except the seed and those in `left_out`."""
    values, before = flat_of(now), flat_of(then)
    names = [*differing([then, now]), *["prepare.text"] * (values["prepare.text"] != before["prepare.text"])]
    shown = (
        f"{name} {as_yaml(values[name])}, not {as_yaml(before[name])}"
        for name in names
        if name not in {"seed", *left_out}
    )
    return "; ".join(shown)


def _left_open(given: StudyFile, params: Params) -> str:
    """Return how `params` differ from HEAD's params.yaml, in the params that the question does not set.

    The result is "" if nothing differs, or HEAD has no valid params.yaml.
    """
    with suppress(CharloomError):  # no repository
        if head := next(from_commits(["HEAD"])).params:
            named = set.intersection(*({*values} for values in [given.baseline, *given.overrides()]))
            return _differ(params, head, named | ({"prepare.text"} if given.text else set()))
    return ""


def ensure_version(study: Study) -> None:
    """Raise WrongInput if the study has rows, and the sources that made them give other results than the sources here.

    The digests of small trials decide this. asked.json has the digests from the sources that made the rows; a missing
    digest is an error, too.
    """
    if study.runs and not by_these_sources(study.asked):
        then, now = study.asked.small_trials, _small_trials(study.asked)
        kind = next(kind for kind in now if then.get(kind) != now[kind])
        raise WrongInput(
            f"{study.path}: its rows were trained with other source code: the digest of a small trial ({kind}) "
            f"is {f'{in_line(then[kind])[:80]} in {study.folder / ASKED}' if kind in then else 'not recorded'}, and "
            f"{now[kind]} here; `charloom study FILE --prove {len(study.runs)}` trains all rows again, and accepts "
            f"the table if they are the same; or {ANEW}"
        )


def by_these_sources(asked: Asked) -> bool:
    """Return whether small trials with the sources here have the digests in asked.json."""
    return asked.small_trials == _small_trials(asked)


def _small_trials(asked: Asked) -> dict[str, str]:
    return {kind: small_trial(kind, asked.measures) for kind in asked.arithmetic}


def ensure_text(study: Study) -> None:
    """Raise WrongInput if the study's text is missing, or has another SHA-256 than at the first start."""
    asked, text = study.asked, Path(study.asked.text)
    why = f"{study.path}: the study uses {text} with SHA-256 {asked.sha256[:16]}…"
    try:
        now = sha256(text)
    except OSError as error:
        raise WrongInput(f"{why}, but charloom cannot read it: {error.strerror}; restore the text, or {ANEW}") from None
    if now != asked.sha256:
        raise WrongInput(f"{why}, but the file has {now[:16]}… now; restore the text, or {ANEW}")


def _asked_now(path: Path, given: StudyFile, project: Project) -> Asked:
    """Return the content of asked.json for the question with the project's params.

    Raises WrongInput if the params are invalid, or the text cannot be read. An invalid override is left to `study_of`,
    which raises WrongInput.
    """
    params = project.params()
    text = given.text or params.prepare.text
    left_open = _left_open(given, params) if project == HERE else ""
    params = overridden(params, {"prepare.text": text}, path)
    try:
        digest = sha256(project.root / text)
    except (OSError, ValueError) as error:
        raise WrongInput(f"{text}: {getattr(error, 'strerror', error)}; allowed is a text file in UTF-8") from None
    kinds = {params.recipe.kind}
    for values in [given.baseline, *given.overrides()]:
        with suppress(WrongInput):  # study_of raises it
            kinds.add(overridden(params, values, path).recipe.kind)
    return Asked(
        text=text, sha256=digest, params=params,
        arithmetic={kind: arithmetic_of(kind, project) for kind in sorted(kinds)},
        question=given.recorded, left_open=left_open, measures=METRICS,
    )  # fmt: skip


def _same(study: Study, project: Project) -> Study:
    """Return the study if its file asks the question in asked.json. Raises WrongInput if not, or if arithmetic differs.

    Earlier versions did not record answers. If asked.json has none and the table has all trials, an answer at this
    number of seeds was given, and is added.
    """
    asked, then = study.asked, _as_asked(study.folder, study.asked)
    before, now = then.question, study.question
    same_seeds = now.seeds[: len(before.seeds)] == before.seeds if study.runs else {*before.seeds} <= {*now.seeds}
    differs = {
        "settings": then.settings != study.settings,
        "baseline": then.baseline != study.baseline,
        "measure": before.measure != now.measure,
        "smallest_difference": before.smallest_difference != now.smallest_difference,
        "text": now.text not in {None, asked.text},
        "seeds": not same_seeds,
        "looks": before.looks != now.looks and len({x.params.seed for x in study.runs.values()}) >= before.all_looks[0],
    }
    if any(differs.values()):
        names = ", ".join(name for name, differ in differs.items() if differ)
        first_start = f"since the first start; {study.folder / ASKED} has the old values: restore them, or"
        raise WrongInput(f"{study.path}: {names}: changed {first_start} {ANEW}")
    for kind, digest in asked.arithmetic.items():
        if (present := arithmetic_of(kind, project)) != digest:
            other = f"{kind} was {digest}, {SIGNATURE} has {present}"
            raise WrongInput(f"{study.path}: its rows were computed with another arithmetic: {other}; {ANEW}")
    complete = all(trial.key in study.runs for trial in chain.from_iterable(trials_of(then).values()))
    return study.answered_at(len(before.seeds)) if complete and not asked.answers else study
