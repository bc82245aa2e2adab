"""Send a study to MLflow: one run for the study, with nested runs for its trials. Sending it again updates the run.

Runs of trials are no runs of the pipeline: they have no experiment key, and are in an MLflow experiment of their own.
If the pipeline has a run with the same params, text and results as a trial, the trial's run links to that run.
"""

from pathlib import Path

from mlflow.entities import Run

from charloom.base.storage import read_json
from charloom.base.terminal import in_line, visible, warn_once
from charloom.results.spool import FILES
from charloom.tracking.artifacts import upload
from charloom.tracking.entry_files import CHECKSUMS
from charloom.tracking.experiment_lock import experiment_lock
from charloom.tracking.store import DIFFERS, ENDED, KEY, RESULTS, TEXT, USER, Store, connected, run_page, with_author
from charloom.tracking.study_contents import CONTENTS, PAGE, PICTURE, StudyContents, StudyTrial

STUDY = "charloom.study"  # tag of the study's run: its file
QUESTION = "charloom.study_question"  # tag of the study's run: the digest of its question
TRIAL = "charloom.trial"  # tag of a trial: the key of its row
VERDICT = "charloom.verdict"  # tag of the study's run: its answer in one line
OUTCOME = "charloom.outcome"  # tag of a trial: its outcome in the table
PIPELINE_RUN = "charloom.pipeline_run"  # tag of a trial: the pipeline's run with the same results
PARENT, ABOUT = "mlflow.parentRunId", "mlflow.note.content"  # MLflow's own
Trials = dict[tuple[str, str], Run]  # by key of the row and hash of the results
MAX_NESTED = 200  # trials; a study with more trials gets no nested runs, only its table


def send(folder: Path) -> str:
    """Send the study in this folder of the spool; return a line for the user with the address of the study's run.

    Trials that other users have sent stay in MLflow. Raises Unavailable, with the reason, if sending fails.
    """
    contents = read_json(folder / FILES / CONTENTS, StudyContents)
    with connected() as store:
        store.use_studies()
        with experiment_lock(store, contents.question):
            run = _run_of(store, contents)
            _complete(store, run, contents, folder / FILES, _pipeline_runs(store, contents.text_sha256))
        return f"MLflow study {in_line(contents.name)}: {store.where_shown(run)}"


def _complete(store: Store, run: Run, contents: StudyContents, files: Path, pipeline_runs: Trials) -> None:
    """Send the missing trials, the files and the verdict to the study's run. The caller holds the study's lock.

    A study with more than MAX_NESTED trials gets no nested runs. If MLflow has trials that this study lacks, its files
    and verdict are not updated, and a warning says so.

    run            the study's run
    files          folder with the files to send
    pipeline_runs  see `_pipeline_runs`
    """
    stored = _trials(store, run)
    nested = contents.trials if len(contents.trials) <= MAX_NESTED else []
    for trial in reversed(nested):  # MLflow's page shows the newest run first
        _send_trial(store, run, trial, stored, pipeline_runs.get((trial.experiment, trial.results)))
    stored = _trials(store, run)
    conflicts = [trial.name for trial in nested if _other_results(stored, trial)]
    if conflicts:
        names = ", ".join(conflicts)
        warn_once(contents.name, f"MLflow study {contents.name}: MLflow also has other results of {names}")
    # A trial from another version of the arithmetic has another key, but the same name: this table does not lack it.
    ours = {trial.key for trial in contents.trials} | {in_line(trial.name) for trial in contents.trials}
    if more := sum(not {key, run.info.run_name} & ours for (key, _), run in stored.items()):
        reason = f"MLflow has {more} trials that this table lacks, so its page in MLflow was not updated"
        warn_once(contents.question, f"MLflow study {in_line(contents.name)}: {reason}")
        return
    upload(files, run.info.artifact_uri, store.uri, excluded={CONTENTS, CHECKSUMS})
    picture = f"![The comparison](get-artifact?path={PICTURE}&run_uuid={run.info.run_id})"
    page = f"[The study’s page]({run_page(run, '/artifacts/' + PAGE)})"
    first, _, rest = contents.description.partition("\n\n")
    note = "\n\n".join([first, page, picture, rest])
    store.set_tags(run, {ABOUT: note, VERDICT: contents.verdict, USER: with_author(run, store.user)})
    store.end_run(run, "FINISHED", None)


def _pipeline_runs(store: Store, text_sha256: str) -> Trials:
    """Return the pipeline's complete runs on the text, by experiment key and hash of results."""
    if text_sha256 not in store.experiments:
        return {}
    runs = store.search(f"tags.`{RESULTS}` LIKE '%'", [store.experiments[text_sha256].experiment_id])
    return {(run.data.tags[KEY].partition(":")[0], run.data.tags[RESULTS]): run for run in runs}


def _run_of(store: Store, contents: StudyContents) -> Run:
    """Return the study's run: the first one with its question and text, see Store.search. Create a missing run."""
    same = f"tags.`{QUESTION}` = '{contents.question}' AND tags.`{TEXT}` = '{contents.text_sha256}'"
    for run in store.search(same)[:1]:
        return run
    tags = {STUDY: in_line(contents.name), TEXT: contents.text_sha256, QUESTION: contents.question}
    return store.create_run(Path(contents.name).stem, tags)


def _trials(store: Store, study: Run) -> Trials:
    """Return the runs of the study's trials in the store, by key of the row and hash of results.

    If several runs have the same key and results, the first one counts, see Store.search. `study` is the study's run.
    """
    trials: Trials = {}
    for run in store.search(f"tags.`{PARENT}` = '{study.info.run_id}'"):
        trials.setdefault((run.data.tags.get(TRIAL, ""), run.data.tags.get(RESULTS, "")), run)
    return trials


def _other_results(stored: Trials, trial: StudyTrial) -> list[Run]:
    """Return those of the `stored` runs that have the trial's key and other results."""
    return [run for (key, results), run in stored.items() if key == trial.key and results != trial.results]


def _send_trial(store: Store, study: Run, trial: StudyTrial, stored: Trials, same: Run | None) -> None:
    """Create the trial's run and send the trial's curves and params; complete a run that is not finished.

    A run that has ended is changed only to link it to the pipeline's run.

    study   the study's run
    stored  the runs of the study's trials in the store
    same    the pipeline's run with the same experiment key and results as the trial, or None
    """
    link, run = {}, stored.get((trial.key, trial.results))
    if same:
        name = visible(str(same.info.run_name))
        note = f"A run of the pipeline has the same results: [{name}]({run_page(same)})."
        link = {PIPELINE_RUN: same.info.run_id, ABOUT: note}
    if not run:
        tags = {PARENT: study.info.run_id, TRIAL: trial.key, OUTCOME: trial.outcome, RESULTS: trial.results, **link}
        other_runs = _other_results(stored, trial)
        tags |= {DIFFERS: other_runs[0].info.run_id} if other_runs else {}
        run = store.create_run(in_line(trial.name), tags)
    elif same and run.data.tags.get(PIPELINE_RUN) != same.info.run_id:
        store.set_tags(run, link)
    if run.info.status in ENDED:
        return
    start = run.info.start_time / 1000  # a fixed time, because MLflow deduplicates points by their time
    points = [(name, update, x, start) for name, curve in trial.series.items() for update, x in curve.items()]
    store.send(run, points, trial.params)
    store.end_run(run, "FINISHED" if trial.results else "FAILED", None)
