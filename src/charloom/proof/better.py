"""Judge whether a pull request makes results better, by a study with trials of both settings, before and after.

Without such a study each side has one seed, which cannot tell a difference from luck.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from charloom.base.errors import CharloomError, CheckFailed, Damaged
from charloom.proof.differences import disagreements
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
from paired.data_types import CANNOT_TELL, Answer
from paired.effects import of_change

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
    "To tell, run <code>charloom study studies/…</code> on both commits, join the two tables in one with a column that "
    "names the commit, and give it to <code>charloom compare --table</code>."
)


class Side(NamedTuple):
    """One side of a change: a commit.

    project  a folder with those of the commit's files that are in KEPT
    run      the committed run, without curves; None if the commit has none that this version of charloom can read
    """

    project: Project
    run: Run | None


Studies = dict[Path, Study | CharloomError]  # file to study; an error if the study is invalid or contradicted


def side(commit: str, folder: Path) -> Side:
    """Write the commit's files in KEPT into a new folder, and return the side.

    A symbolic link becomes a file with the link's text. Files with a name that could lead out of the folder are left
    out.
    """
    folder.mkdir()
    # Skip names that lead out of the folder, or hold control characters.
    paths = [path for path in names_in(commit) if path.startswith(KEPT) and ".." not in path and path.isprintable()]
    for path, (_, content) in zip(paths, objects(f"{commit}:./{path}" for path in paths), strict=True):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    run = next(from_commits([commit])).run
    return Side(Project(folder), run if isinstance(run, Run) else None)


def better(before: Side, after: Side) -> tuple[str, list[str]]:
    """Return a sentence, as HTML, on whether the change makes results better, and Markdown blocks with the evidence.

    If the two runs cannot be compared or are equal, and tables of studies have changed, the sentence has the answers of
    these studies. If there is nothing to say, it is "", and the list of blocks is empty.
    """
    runs = [side.run for side in (before, after) if side.run]
    read = [_studies(side.project) for side in (before, after)]
    studies = [_believed(studies, (before, after), read) for studies in read]
    sentence, blocks = _compared(runs, studies[1])
    changed = [file for file in sorted(studies[0] | studies[1]) if _table(before, file) != _table(after, file)]
    if answers := {file: [_answer(side.get(file)) for side in studies] for file in changed}:
        cells = [[_shown(file, studies[1]), *map(_line, pair)] for file, pair in answers.items()]
        blocks.append(table(("study whose table has changed", "before", "after"), cells))
        now = {file: answer for file, (_, answer) in answers.items() if isinstance(answer, Answer)}
        if now and (not sentence or sentence.startswith(NO_DIFFERENCE)):  # the branch only adds or changes studies
            sentence = " ".join(f"{_shown(file, studies[1])} says: {_line(answer)}." for file, answer in now.items())
            blocks += [_whole(file, answer) for file, answer in now.items()]
    return sentence, ["### Is it better?", *blocks] if blocks else []


def _studies(project: Project) -> Studies:
    """Return the commit's studies by file, with the error in place of a study that cannot be read."""
    studies = Studies()
    for file in sorted(path.relative_to(project.root) for path in project.root.glob("studies/*.yaml")):
        try:
            with project.naming_files():
                studies[file] = read_study(file, project=project)
        except CharloomError as error:
            studies[file] = error
    return studies


def _believed(studies: Studies, sides: Sequence[Side], read: Sequence[Studies]) -> Studies:
    """Return the studies, with a CheckFailed in place of each study that contradicts another committed result.

    The results of a trial depend only on its params, text and arithmetic, and the trial's key identifies all three. So
    if a study's table and another table (or a commit's own metrics) have different results for one key, one is wrong.

    sides  both sides of the change
    read   the studies of both sides, as `_studies` returns them
    """
    tables = [study for of_side in read for study in of_side.values() if isinstance(study, Study)]
    wrong = {file: _contradiction(study, sides, tables) for file, study in studies.items() if isinstance(study, Study)}
    return studies | {file: CheckFailed(why) for file, why in wrong.items() if why}


def _contradiction(study: Study, sides: Sequence[Side], others: Sequence[Study]) -> str:
    """Return a sentence on one result in the study's table that contradicts another result; "" if none does.

    sides   both sides of the change; a side's own run is compared if it has the study's text and arithmetic
    others  the readable studies of both sides, whose tables are compared
    """
    tables = [(f"{other.folder}{' of the other side' * (other.path == study.path)}", other.runs) for other in others]
    for project, run in sides:
        if run and _is_comparable(study, project, run):
            tables.append(("the commit's own files", {study.asked.key(run.params): run}))
    for where, runs in tables:
        for key in (key for key in study.runs if key in runs):
            for name, own, other in disagreements(study.runs[key], runs[key]):
                what = f"{study.folder} has {own} for seed {study.runs[key].seed} ({name})"
                return f"{what}, and {where} {other}. One of the two is wrong."
    return ""


def _is_comparable(study: Study, project: Project, run: Run) -> bool:
    """Return whether the commit's run has the study's text, and its arithmetic by the commit's signature.json."""
    with suppress(CharloomError):  # signature.json cannot be read
        kind = run.params.recipe.kind
        return (study.asked.sha256, study.asked.arithmetic.get(kind)) == (run.text_sha256, arithmetic_of(kind, project))
    return False


def _compared(runs: list[Run], studies: Studies) -> tuple[str, list[str]]:
    """Return sentence and blocks from a study that has both settings, or else from the two runs alone.

    runs     the runs of the sides that have one, before and after
    studies  the studies of the second side

    The sentence is "" if a side has no run or no measure, or the sides measure different held-out texts.
    """
    bits = [getattr(run.metrics, MEASURE) for run in runs]
    if len(runs) < 2 or None in bits:
        return "", []
    if runs[0].measured_on != runs[1].measured_on:
        return "", [paragraph("The two sides measure different held-out texts, so their figures cannot be compared.")]
    if bits[0] == bits[1]:
        return f"{NO_DIFFERENCE}: held-out text costs {bits[1]:.3f} bits per character, as before.", []
    return _by_studies(studies, runs, bits)


def _by_studies(studies: Studies, runs: list[Run], bits: list[float]) -> tuple[str, list[str]]:
    """Return sentence and blocks for two runs whose bits per character differ.

    If params differ and a study was contradicted, the sentence says so. If a study has trials of both settings, its
    verdict counts; of several such studies, that of the study with the most seeds. Otherwise the sentence is *cannot
    tell*, and the blocks say how to find out.

    bits  the bits per character of the two runs
    """
    old, new = (flat_of(run.params) for run in runs)
    varied = [name for name in differing([run.params for run in runs]) if name in VARIED]
    contradicted = [study for study in studies.values() if isinstance(study, CheckFailed | Damaged)]
    if wrong := [code(str(study), 400) for study in contradicted if varied]:
        return f"<b>not known</b>: {wrong[0]}", [paragraph(wrong[0])]
    readable = [study for study in studies.values() if isinstance(study, Study) and varied]
    for study in sorted(readable, key=lambda study: -len(study.question.seeds)):
        if verdict := _of_both(study, runs):
            return verdict
    sentence = (
        f"<b>cannot tell</b> from one seed on each side: held-out text costs {bits[1]:.3f} bits per character, "
        f"{bits[0]:.3f} before (lower is better)."
    )
    if not varied:
        return sentence, [paragraph(f"{ALONE} {BOTH_CODES}")]
    baseline, setting = (json.dumps({name: values[name] for name in varied}) for values in (old, new))
    asked = ASKED.format(baseline=baseline, setting=setting, measure=MEASURE)
    return sentence, [paragraph(f"{ALONE} This study can, by <code>charloom study studies/NAME.yaml</code>:"), asked]


def _of_both(study: Study, runs: list[Run]) -> tuple[str, list[str]] | None:
    """Return a sentence with the study's verdict on the change, and a block with its whole answer.

    The baseline of the answer is the first run's setting. The answer corrects for all settings of the study, because
    the second run's setting may be the best of many. If the setting alone has no verdict and the effect of the one
    factor that changed has one, the sentence reports the effect; otherwise it reports the setting. The result is None
    if the study has another text, or no trials of a setting.
    """
    by_params = {json.dumps(setting_params(params)): name for name, params in study.settings.items()}
    names = [by_params.get(json.dumps(setting_params(run.params)), "") for run in runs]
    results = measured(study._replace(baseline=names[0]), curves=False)
    if study.asked.sha256 != runs[1].text_sha256 or not all(results.settings.get(name) for name in names):
        return None
    answer = answered(results)
    effect = of_change(answer, *(results.levels[name] for name in names))
    (alone,) = (contrast for contrast in answer.comparisons if contrast.setting == names[1])
    where, many = code(f"studies/{study.path.stem}"), len(answer.comparisons)
    if effect and effect.verdict != CANNOT_TELL and alone.verdict == CANNOT_TELL:
        claim, chosen = f"{code(words.name(effect))}: <b>{effect.verdict}</b>", effect
        counted = f", averaged over its other params. The setting alone: {alone.verdict}"
    else:
        claim, chosen = f"{code(alone.setting)} against {code(answer.baseline)}: <b>{words.verdict(alone)}</b>", alone
        counted = f", one of its {many} comparisons" if many > 1 else ""
    size = next(words.difference(chosen, answer))
    return (
        f"{claim}. {code(answer.measure)} ({answer.better} is better): {size}, by the study {where}{counted}.",
        [_whole(study.path, answer, opened=True)],
    )


def _table(side: Side, file: Path) -> bytes:
    """Return the content of the study's trials.csv; empty if the commit has none."""
    table = side.project.root / file.with_suffix("") / "trials.csv"
    return table.read_bytes() if table.is_file() else b""


def _shown(file: Path, studies: Studies) -> str:
    """Return the study's file as HTML, with the text if the study has a text of its own."""
    study = studies.get(file)
    text = f" on {code(study.asked.text)}" if isinstance(study, Study) and study.question.text else ""
    return f"{code(file.name)}{text}"


def _whole(file: Path, answer: Answer, *, opened: bool = False) -> str:
    """Return the whole answer of the study in this file as Markdown, folded unless `opened`."""
    return folded(f"What {code(f'studies/{file.stem}')} says", as_markdown(answer).strip(), opened=opened)


def _answer(study: Study | CharloomError | None) -> Answer | str:
    """Return a study's answer, or the reason why it has none, as HTML; "–" if the side lacks the study."""
    if study is None:
        return "–"
    if isinstance(study, CharloomError):
        return f"not used: {code(str(study), 400)}"
    results = measured(study, curves=False)
    return answered(results) if any(results.settings.values()) else "no trials yet"


def _line(answer: Answer | str) -> str:
    """Return the answer and its warnings in one line of HTML. A reason is returned as it is."""
    if isinstance(answer, str):
        return answer
    return code("; ".join([words.told(answer), *(f"warning: {warning}" for warning in answer.warnings)]), 400)
