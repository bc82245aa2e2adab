"""A study in MLflow: one run, and its trials nested below it. Sent again, it says what it says by now, once.

Trials are no runs of the pipeline: they carry no experiment key, and lie in an MLflow experiment of their own. Where
the pipeline has run the same and come to the same results, a trial links to that run.
"""

from pathlib import Path

from mlflow.entities import Run

from charloom.base.storage import read_json
from charloom.base.terminal import in_line, visible, warn_once
from charloom.results.spool import FILES
from charloom.tracking.alone import alone
from charloom.tracking.artifacts import upload
from charloom.tracking.store import DIFFERS, ENDED, KEY, RESULTS, TEXT, USER, Store, connected, place, with_author
from charloom.tracking.study_contents import CONTENTS, PAGE, PICTURE, StudyContents, StudyTrial
from charloom.tracking.whole import SUMS

STUDY = "charloom.study"  # tag of the study's run: its file
QUESTION = "charloom.study_question"  # tag of the study's run: which question it asks
TRIAL = "charloom.trial"  # tag of a trial: the key of its row
VERDICT = "charloom.verdict"  # tag of the study's run: its answer in a line
OUTCOME = "charloom.outcome"  # tag of a trial: as the table says it
PIPELINE_RUN = "charloom.pipeline_run"  # tag of a trial: the pipeline's run with the same results
PARENT, ABOUT = "mlflow.parentRunId", "mlflow.note.content"  # MLflow's own
Trials = dict[tuple[str, str], Run]  # by the keys of their rows, and their results
NESTED = 200  # trials that are runs; of more the table alone tells


def send(folder: Path) -> str:
    """Send the study in the spool's folder; return a line that says where it is shown.

    Raises Unavailable, with the reason, if that fails. What others have sent of it stays.
    """
    contents = read_json(folder / FILES / CONTENTS, StudyContents)
    with connected() as store:
        store.choose_studies()
        with alone(store, contents.question):
            run = _run_of(store, contents)
            _complete(store, run, contents, folder / FILES, _pipeline_runs(store, contents.text_sha256))
        return f"MLflow study {in_line(contents.name)}: {store.shows(run)}"


def _complete(store: Store, run: Run, contents: StudyContents, files: Path, known: Trials) -> None:
    """Send what is missing of the study, alone in it. `known` are the pipeline's runs."""
    there = _trials(store, run)
    wanted = contents.trials if len(contents.trials) <= NESTED else []
    for trial in reversed(wanted):  # the page shows the newest first
        _send_trial(store, run, trial, there, known.get((trial.experiment, trial.results)))
    there = _trials(store, run)
    differ = [each.name for each in wanted if _others(there, each)]
    if differ:
        warn_once(contents.name, f"MLflow study {contents.name}: other results there, too, of {', '.join(differ)}")
    # A trial of another arithmetic has another key and the same name: it is none that this table lacks.
    ours = {each.key for each in contents.trials} | {in_line(each.name) for each in contents.trials}
    if more := sum(not {key, run.info.run_name} & ours for (key, _), run in there.items()):
        about = (
            f"MLflow study {in_line(contents.name)}: {more} trials there are not in this table: its page there stays"
        )
        warn_once(contents.question, about)
        return
    upload(files, run.info.artifact_uri, store.uri, besides={CONTENTS, SUMS})
    picture = f"![The comparison](get-artifact?path={PICTURE}&run_uuid={run.info.run_id})"
    page = f"[The study’s page]({place(run, '/artifacts/' + PAGE)})"
    first, _, rest = contents.description.partition("\n\n")
    about = "\n\n".join([first, page, picture, rest])
    store.tag(run, {ABOUT: about, VERDICT: contents.verdict, USER: with_author(run, store.user)})
    store.close(run, "FINISHED", None)


def _pipeline_runs(store: Store, text_sha256: str) -> Trials:
    """Return the pipeline's complete runs on the text, by experiment key and results."""
    if text_sha256 not in store.experiments:
        return {}
    found = store.search(f"tags.`{RESULTS}` LIKE '%'", [store.experiments[text_sha256].experiment_id])
    return {(run.data.tags[KEY].partition(":")[0], run.data.tags[RESULTS]): run for run in found}


def _run_of(store: Store, contents: StudyContents) -> Run:
    """Return the study's run, made if need be."""
    same = f"tags.`{QUESTION}` = '{contents.question}' AND tags.`{TEXT}` = '{contents.text_sha256}'"
    for run in store.search(same)[:1]:
        return run
    tags = {STUDY: in_line(contents.name), TEXT: contents.text_sha256, QUESTION: contents.question}
    return store.make(Path(contents.name).stem, tags)


def _trials(store: Store, study: Run) -> Trials:
    """Return the study's trials by keys and results, the oldest of the same."""
    trials: Trials = {}
    for run in store.search(f"tags.`{PARENT}` = '{study.info.run_id}'"):
        trials.setdefault((run.data.tags.get(TRIAL, ""), run.data.tags.get(RESULTS, "")), run)
    return trials


def _others(there: Trials, trial: StudyTrial) -> list[Run]:
    """Return the runs of the trial that came to other results."""
    return [run for (key, results), run in there.items() if key == trial.key and results != trial.results]


def _send_trial(store: Store, study: Run, trial: StudyTrial, there: Trials, same: Run | None) -> None:
    """Send what is missing of the trial. `same` is the pipeline's run of it."""
    link, run = {}, there.get((trial.key, trial.results))
    if same:
        name = visible(str(same.info.run_name))
        about = f"The pipeline has run it, too, with the same results: [{name}]({place(same)})."
        link = {PIPELINE_RUN: same.info.run_id, ABOUT: about}
    if not run:
        tags = {PARENT: study.info.run_id, TRIAL: trial.key, OUTCOME: trial.outcome, RESULTS: trial.results, **link}
        others = _others(there, trial)
        tags |= {DIFFERS: others[0].info.run_id} if others else {}
        run = store.make(in_line(trial.name), tags)
    elif same and run.data.tags.get(PIPELINE_RUN) != same.info.run_id:
        store.tag(run, link)
    if run.info.status in ENDED:
        return
    start = run.info.start_time / 1000  # MLflow drops a point that comes again with its time
    points = [(name, update, x, start) for name, curve in trial.series.items() for update, x in curve.items()]
    store.send(run, points, trial.params)
    store.close(run, "FINISHED" if trial.results else "FAILED", None)
