"""Whether a change is better, and how sure that is: what the tables of studies say of its two sides."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from charloom.base.errors import CharloomError, CheckFailed
from charloom.results.commits import from_commits
from charloom.results.git import objects
from charloom.results.identity import arithmetic_of, differing, setting_params
from charloom.results.records import MEASURE
from charloom.results.run import Run
from charloom.settings.params import PARAMS, VARIED, flat_of
from charloom.settings.pipeline import PIPELINE, Project
from charloom.study.asking import read_study
from charloom.study.formats import as_markdown
from charloom.study.measuring import measured
from charloom.study.study_file import Study
from dvc_summary.facts import names_in
from dvc_summary.markdown import code, folded, paragraph, table
from paired import answered
from paired import sentences as words
from paired.data_types import CANNOT_TELL, Answer, Contrast

KEPT = (str(PIPELINE), str(PARAMS), "signature.json", "metrics/", "studies/")
ASKED = """\
```yaml
baseline: {baseline}
settings: [{setting}]
seeds: 10
measure: {measure}
smallest_difference: 0.01
```"""
NO_DIFFERENCE = "<b>no difference</b>"
ALONE = "One seed on each side cannot tell whether the difference is more than luck."
BOTH_CODES = (
    "<code>charloom study studies/…</code> on each of the two commits would, and <code>charloom compare --table</code> "
    "of both tables in one, with a column that names the commit."
)


class Side(NamedTuple):
    """A commit.

    project  holds those of its files that are KEPT
    run      what it says of its run; None if it is none that this charloom knows
    """

    project: Project
    run: Run | None


Studies = dict[Path, Study | CharloomError]  # by their files; what is wrong, if one cannot be read or believed


def side(commit: str, folder: Path) -> Side:
    """Return the side of a commit, with its files written into the folder. Of a link it has the text."""
    folder.mkdir()
    # A name that leads out of the folder, or that is no line, is none of ours.
    there = [path for path in names_in(commit) if path.startswith(KEPT) and ".." not in path and path.isprintable()]
    for path, (_, content) in zip(there, objects(f"{commit}:./{path}" for path in there), strict=True):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    run = next(from_commits([commit])).run
    return Side(Project(folder), run if isinstance(run, Run) else None)


def better(before: Side, after: Side) -> tuple[str, list[str]]:
    """Return in a sentence or two whether it is better, and the blocks that say how sure that is."""
    runs = [side.run for side in (before, after) if side.run]
    read = [_studies(side.project) for side in (before, after)]
    studies = [_believed(studies, (before, after), read) for studies in read]
    sentence, blocks = _compared(runs, studies[1])
    changed = list(_changed_answers((before.project.root, after.project.root), studies))
    if changed:
        blocks.append(table(("study whose table has changed", "before", "after"), changed))
        told = [f"{name} says: {now}." for name, _, now in changed if now.startswith("<code>")]
        if told and (
            not sentence or sentence.startswith(NO_DIFFERENCE)
        ):  # what is asked is all that the branch is about
            sentence = " ".join(told)
    return sentence, ["### Is it better?", *blocks] if blocks else []


def _studies(project: Project) -> Studies:
    """Return each study of the commit's by its file, or what is wrong with it."""
    found = Studies()
    for file in sorted(path.relative_to(project.root) for path in project.root.glob("studies/*.yaml")):
        try:
            with project.naming_files():
                found[file] = read_study(file, project=project)
        except CharloomError as error:
            found[file] = error
    return found


def _believed(studies: Studies, sides: Sequence[Side], read: Sequence[Studies]) -> Studies:
    """Return the studies, and in place of each that something else contradicts, the contradiction.

    A trial is a pure function of params, text and arithmetic, and its key names all three. So one that has other
    numbers in another table, of this commit or of the other, or in a commit's own files, is wrong in one of the two.
    """
    tables = [study for of_side in read for study in of_side.values() if isinstance(study, Study)]
    wrong = {file: _contradiction(study, sides, tables) for file, study in studies.items() if isinstance(study, Study)}
    return studies | {file: CheckFailed(why) for file, why in wrong.items() if why}


def _contradiction(study: Study, sides: Sequence[Side], others: Sequence[Study]) -> str:
    """Return what says other things of a training than the study's table does; else nothing."""
    tables = [(f"{other.folder}{' of the other side' * (other.path == study.path)}", other.runs) for other in others]
    for project, run in sides:  # other bits of another arithmetic, or of another text, are no contradiction
        same = run and study.asked.arithmetic.get(run.params.recipe.kind) == _arithmetic(project, run)
        if run and same and run.text_sha256 == study.asked.sha256:
            tables.append(("the commit's own files", {study.asked.key(run.params): run}))
    for where, runs in tables:
        for key in study.runs.keys() & runs.keys():
            said, other = _said(study.runs[key]), _said(runs[key])
            for name in (name for name in said if name in other and said[name] != other[name]):
                seed = study.runs[key].seed
                return f"{study.folder} says {said[name]} of seed {seed} ({name}), and {where} {other[name]}."
    return ""


def _said(run: Run) -> dict[str, Any]:
    """Return what a run says of its training, the measure first; without a hash that nobody wrote down."""
    metrics = run.metrics.known() if run.metrics else {}
    hashed = {"results": run.results} if run.results else {}
    return {MEASURE: metrics.get(MEASURE), "outcome": run.outcome} | hashed | metrics


def _arithmetic(project: Project, run: Run) -> str:
    """Return the digest by which a study of this commit names such a trial; nothing if it has none."""
    with suppress(CharloomError):
        return arithmetic_of(run.params.recipe.kind, project)
    return ""


def _compared(runs: list[Run], studies: Studies) -> tuple[str, list[str]]:
    """Return what is known of the two settings: from a study that has both, or else from one seed each."""
    bits = [getattr(run.metrics, MEASURE) for run in runs]
    if len(runs) < 2 or None in bits:
        return "", []
    if runs[0].measured_on != runs[1].measured_on:
        return "", [paragraph("The two sides measure other held-out text, so their figures do not compare.")]
    if bits[0] == bits[1]:
        return f"{NO_DIFFERENCE}: held-out text costs {bits[1]:.3f} bits per character, as before.", []
    return _by_studies(studies, runs, bits)


def _by_studies(studies: Studies, runs: list[Run], bits: list[float]) -> tuple[str, list[str]]:
    """Return the same of two sides whose bits per character differ."""
    old, new = (flat_of(run.params) for run in runs)
    varied = [name for name in differing([run.params for run in runs]) if name in VARIED]
    if wrong := [code(str(each), 400) for each in studies.values() if varied and isinstance(each, CheckFailed)]:
        return f"<b>not known</b>: {wrong[0]}", [paragraph(f"{wrong[0]} One of the two is wrong.")]
    for study in studies.values() if varied else ():
        if isinstance(study, Study) and study.asked.sha256 == runs[1].text_sha256 and (found := _of_both(study, runs)):
            return _told(*found, study.path)
    sentence = (
        f"<b>cannot tell</b> from one seed on each side: held-out text costs {bits[1]:.3f} bits per character, "
        f"{bits[0]:.3f} before (lower is better)."
    )
    if not varied:
        return sentence, [paragraph(f"{ALONE} {BOTH_CODES}")]
    baseline, setting = (json.dumps({name: each[name] for name in varied}) for each in (old, new))
    asked = ASKED.format(baseline=baseline, setting=setting, measure=MEASURE)
    return sentence, [paragraph(f"{ALONE} This study would, by <code>charloom study studies/NAME.yaml</code>:"), asked]


def _of_both(study: Study, runs: list[Run]) -> tuple[Answer, str, Contrast | None] | None:
    """Return a study's answer with the side before as its baseline, the other's setting, and the factor's effect.

    All settings of the study count: who picks the best of many out of it has had many chances. None if it lacks one.
    """
    by_params = {json.dumps(setting_params(params)): name for name, params in study.settings.items()}
    names = [by_params.get(json.dumps(setting_params(run.params)), "") for run in runs]
    found = measured(study._replace(baseline=names[0]))
    if not all(found.settings.get(name) for name in names):
        return None
    answer = answered(found)
    return answer, names[1], words.of_change(answer, *(found.levels[name] for name in names))


def _told(answer: Answer, setting: str, effect: Contrast | None, file: Path) -> tuple[str, list[str]]:
    """Return in a sentence what the answer says of the change, and all of it in a block.

    Where a factor is all that changed, and is known over the others, that is said; else the setting by itself.
    """
    (each,) = (each for each in answer.comparisons if each.setting == setting)
    where, many = code(f"studies/{file.stem}"), len(answer.comparisons)
    if effect and effect.verdict != CANNOT_TELL and each.verdict == CANNOT_TELL:
        said, chosen = f"{code(words.name(effect))}: <b>{effect.verdict}</b>", effect
        counted = f", over all its other params. The setting by itself: {each.verdict}"
    else:
        said, chosen = f"{code(each.setting)} beside {code(answer.baseline)}: <b>{words.verdict(each)}</b>", each
        counted = f", of whose {many} comparisons this is one" if many > 1 else ""
    size = next(words.difference(chosen, answer))
    return (
        f"{said}. {code(answer.measure)} ({answer.better} is better): {size}, by the study {where}{counted}.",
        [folded(f"What {where} says", as_markdown(answer).strip(), opened=True)],
    )


def _changed_answers(folders: Sequence[Path], studies: list[Studies]) -> Iterator[list[str]]:
    """Yield of each study whose table is another one what it says, before and after."""
    for file in sorted({file for each in studies for file in each}):
        tables = [folder / file.with_suffix("") / "trials.csv" for folder in folders]
        contents = [each.read_bytes() if each.is_file() else b"" for each in tables]
        if contents[0] != contents[1]:
            yield [code(file.name), *(_answer(each.get(file)) for each in studies)]


def _answer(study: Study | CharloomError | None) -> str:
    """Return what a study says, in a line; or what is wrong with it."""
    if study is None:
        return "–"
    if isinstance(study, CharloomError):
        return f"not believed: {code(str(study), 400)}"
    answer = answered(found := measured(study))
    if not any(found.settings.values()):
        return "no trials yet"
    return code("; ".join([words.told(answer), *(f"warning: {each}" for each in answer.warnings)]), 400)
