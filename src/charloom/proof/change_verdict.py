"""Judge whether a pull request makes results better, by a study that has trained both settings with several seeds.

The settings are the params before and after the change. Without such a study each side has one run with one seed, which
cannot tell a difference from luck.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from charloom.core.base.errors import CharloomError, CheckFailed, Damaged, WrongInput
from charloom.core.base.words import number_of
from charloom.core.config.pipeline import Project
from charloom.core.config.records import DEFAULT_MEASURE, Measure
from charloom.core.network.recipe import KERNEL
from charloom.proof.agreement import conflicts
from charloom.results.commits import from_commits
from charloom.results.keys import arithmetic_of, setting_params, trial_key, trial_params
from charloom.results.run import Run
from charloom.study.freeze import is_started, read_study
from charloom.study.measuring import study_measurements
from charloom.study.seeds import is_same_question, why_used
from charloom.study.study_file import Study
from dvc_proof.markdown import code, folded, paragraph
from dvc_proof.rebuild import checked_out
from seedpairs import answered
from seedpairs import sentences as words
from seedpairs.analysis import with_labels
from seedpairs.data_types import CANNOT_TELL, Analysis
from seedpairs.effects import of_change
from seedpairs.formats import as_markdown

NO_DIFFERENCE = "<b>no difference</b>"
ALLOWED = "allowed are more seeds; another question needs another name"
TO_TELL = (
    "One seed on each side cannot tell whether the difference is more than luck. For params, a study with both "
    "settings can: <code>charloom study new</code> writes one. For code, run a study on both commits, join the tables "
    "in one, with a column for the commit, and give it to <code>charloom compare --table</code>."
)


class Side(NamedTuple):
    """One side of a change: a commit.

    project  a clone of the commit
    run      the committed run, without curves; None if the commit has none that this version of charloom can read
    """

    project: Project
    run: Run | None


Studies = dict[Path, Study]  # by file


def side(commit: str, folder: Path) -> Side:
    """Clone the commit into a new folder; return the clone and its committed run.

    A symbolic link is written as a text file that contains the link's path: it may lead out of the clone.
    """
    run = next(from_commits([commit])).run
    project = Project(checked_out(folder, commit, "-c", "core.symlinks=false"))
    return Side(project, run if isinstance(run, Run) else None)


def judge_change(before: Side, after: Side) -> tuple[str, list[str]]:
    """Return a sentence, as HTML, on whether the change makes results better, and Markdown blocks with the evidence.

    If the two runs cannot be compared or are equal, and tables of studies have changed, the sentence has the answers of
    these studies. If there is no evidence, the sentence is "" and the list of blocks is empty.
    """
    (old, _), (new, refused) = _studies(before.project), _studies(after.project)
    trained = [*_trained(before, old, "the base"), *_trained(after, new, "HEAD")]
    for file, study in old.items():
        if file not in refused and (lacks := _lacking(new.get(file), study)):
            refused[file] = CheckFailed(f"{file.with_suffix('')} lacks {lacks}; {ALLOWED}")
    for file, study in new.items():
        if file not in refused and (error := _error(study, list(old.values()), trained)):
            refused[file] = error
    studies = [study for file, study in new.items() if file not in refused]
    errors = dict(sorted(refused.items()))
    sentence, blocks = _compared([side.run for side in (before, after) if side.run], studies, list(errors.values()))
    if not sentence or sentence.startswith(NO_DIFFERENCE):  # the branch only adds or changes studies
        changed = [study for study in studies if study.path not in old or study.runs != old[study.path].runs]
        analyses = [(study, with_labels(answered(study_measurements(study)))) for study in changed]
        sentence = " ".join(_line(*analysis) for analysis in analyses) or sentence
        blocks += [_whole(*analysis) for analysis in analyses]
    blocks += [paragraph(f"{code(file.name)} is not used: {code(str(why), 400)}") for file, why in errors.items()]
    return sentence, ["### Is it better?", *blocks] if blocks else []


def _studies(project: Project) -> tuple[Studies, dict[Path, CharloomError]]:
    """Return the commit's studies by file, and the errors of those that cannot be read.

    A study that has not started is left out: it has no trials, and reading it would hash its text, of any size.
    """
    studies, errors, paths = Studies(), dict[Path, CharloomError](), sorted(project.root.glob("studies/*.yaml"))
    for file in (path.relative_to(project.root) for path in paths if is_started(path.with_suffix(""))):
        try:
            studies[file] = read_study(file, project=project)
        except CharloomError as error:
            errors[file] = type(error)(str(error).replace(f"{project.root}/", ""))
    return studies, errors


def _lacking(study: Study | None, base: Study) -> str:
    """Return a phrase on the first part of the base's study that HEAD's study lacks; "" if it lacks none.

    The parts are rows of its table, the question, looks (numbers of seeds at which it is evaluated), and answers.
    Rows are compared by their params, because a change of the arithmetic trains the study again, with other keys.

    study  HEAD's study; None if HEAD has no study of this name
    base   the base's study
    """
    sides = (base.runs, study.runs if study else {})
    rows, rows_of_head = ({str(trial_params(run.params)) for run in runs.values()} for runs in sides)
    if lost := len(rows - rows_of_head):
        return f"{lost} of the base's {number_of(len(rows), 'row')}"
    if not study or base.question_key != study.question_key:
        return "the base's question"
    looked = len({run.params.seed for run in base.runs.values()}) >= base.question.all_looks[0]
    if looked and base.question.looks != study.question.looks:
        return "the base's looks"
    same = base.frozen.arithmetic == study.frozen.arithmetic
    return "an answer of the base" if same and {*base.frozen.answers} - {*study.frozen.answers} else ""


def _error(study: Study, base: list[Study], trained: list[tuple[str, Mapping[str, Run]]]) -> CharloomError | None:
    """Return an error if HEAD's study contradicts other results, has no answer, or has used seeds; None if it is valid.

    A seed is used if another question of the base has been answered with it.

    The results of a trial depend only on its params, text and arithmetic, and the trial's key identifies all three. So
    if a study's table and another table (or a commit's own metrics) have different results for one key, one is wrong.

    base     the studies of the base
    trained  the trainings of both sides, as `_trained` yields them
    """
    for where, runs in trained:
        for key, row in study.runs.items():
            for name, row_value, value in conflicts(row, runs[key]) if key in runs else ():
                what = f"{study.folder} has {row_value} for seed {row.params.seed} ({name}), and {where} {value}"
                return CheckFailed(f"{what}. One of the two is wrong.")
    if not study.frozen.answers:
        return WrongInput(f"{len(study.trained())} trials, and no answer yet")
    base = [value for value in base if value.frozen.answers]
    why = "" if any(is_same_question(study, value) for value in base) else why_used(study, base)
    return WrongInput(f"{why} in the base, and a seed answers one question") if why else None


def _trained(side: Side, studies: Studies, name: str) -> Iterator[tuple[str, Mapping[str, Run]]]:
    """Yield the trainings of a side, by their trials' keys, with the name of the table or files that have them.

    name  the side in words: `the base` or `HEAD`
    """
    for file, study in studies.items():
        yield f"{file.with_suffix('')} of {name}", study.runs
    if (run := side.run) and run.params.backend == KERNEL:  # the side may have another network/
        with suppress(CharloomError):  # signature.json cannot be read
            arithmetic = arithmetic_of(run.params.recipe.kind, side.project)
            yield f"the results of {name}", {trial_key(run.params, run.text_sha256, arithmetic): run}


def _compared(runs: list[Run], studies: list[Study], errors: list[CharloomError]) -> tuple[str, list[str]]:
    """Return a sentence and blocks: the answer of a study that has both settings, or else that of the two runs alone.

    runs     the runs before and after the change; a side without a run is missing
    studies  the valid studies after the change
    errors   the reasons why the other studies after the change are not used

    The sentence is "" if a side has no run or no measure, or the sides measure different held-out texts. If params
    differ and a study is damaged or contradicted, the sentence says *not known*. If several studies have both settings,
    the one with the most seeds counts.
    """
    bits = [getattr(run.metrics, DEFAULT_MEASURE) for run in runs]
    if len(runs) < 2 or None in bits:
        return "", []
    if runs[0].measured_on != runs[1].measured_on:
        return "", [paragraph("The two sides measure different held-out texts, so their figures cannot be compared.")]
    if bits[0] == bits[1]:
        return f"{NO_DIFFERENCE}: held-out text costs {bits[1]:.3f} bits per character, as before.", []
    if setting_params(runs[0].params) != setting_params(runs[1].params):
        if wrong := [error for error in errors if isinstance(error, CheckFailed | Damaged)]:
            return f"<b>not known</b>: {code(str(wrong[0]), 400)}", []
        for study in sorted(studies, key=lambda study: -len(study.question.seeds)):
            if verdict := _of_both(study, runs):
                return verdict
    sentence = (
        f"<b>cannot tell</b> from one seed on each side: held-out text costs {bits[1]:.3f} bits per character, "
        f"{bits[0]:.3f} before ({Measure.HELD_OUT.better} is better)."
    )
    return sentence, [paragraph(TO_TELL)]


def _of_both(study: Study, runs: list[Run]) -> tuple[str, list[str]] | None:
    """Return a sentence with the study's verdict on the change, and a block with its whole answer.

    The baseline of the answer is the first run's setting. The answer corrects for all settings of the study, because
    the second run's setting may be the best of many. If only the effect of the one
    changed factor has a verdict, the sentence reports the effect; otherwise it reports the setting. The result is None
    if the study has another text, or no trials of a setting.
    """
    by_params = {str(setting_params(params)): name for name, params in study.settings.items()}
    names = [by_params.get(str(setting_params(run.params)), "") for run in runs]
    results = study_measurements(study._replace(baseline=names[0]))
    if study.frozen.sha256 != runs[1].text_sha256 or not all(results.settings.get(name) for name in names):
        return None
    analysis = with_labels(answered(results))
    effect = of_change(analysis, *(results.levels[name] for name in names))
    (alone,) = (x for x in analysis.comparisons if x.setting == study.names.get(names[1], names[1]))
    where = code(f"studies/{study.path.stem}")
    if effect and effect.verdict != CANNOT_TELL and alone.verdict == CANNOT_TELL:
        claim, chosen = f"{code(words.name(effect))}: <b>{effect.verdict}</b>", effect
        counted = f", averaged over its other params. The setting alone: {alone.verdict}"
    else:
        claim, chosen = f"{code(alone.setting)} against {code(analysis.baseline)}: <b>{words.verdict(alone)}</b>", alone
        counted = f", with {number_of(len(analysis.comparisons), 'comparison')}"
    size = next(words.difference_lines(chosen, analysis))
    return (
        f"{claim}. {code(analysis.measure)} ({analysis.better} is better): {size}, by the study {where}{counted}.",
        [_whole(study, analysis, opened=True)],
    )


def _line(study: Study, analysis: Analysis) -> str:
    """Return the study's answer and warnings in one line of HTML. If its file names a text, the line names the text."""
    text = f" on {code(study.frozen.text)}" if study.question.text else ""
    line = "; ".join([words.told(analysis), *(f"warning: {warning}" for warning in analysis.warnings)])
    return f"{code(study.path.name)}{text} says: {code(line, 400)}."


def _whole(study: Study, analysis: Analysis, *, opened: bool = False) -> str:
    """Return the whole answer of the study as Markdown, folded unless `opened`."""
    return folded(f"What {code(f'studies/{study.path.stem}')} says", as_markdown(analysis).strip(), opened=opened)
