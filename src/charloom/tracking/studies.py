"""Send a study to MLflow: one run for the study, with nested runs for its trials. Sending it again updates the run.

Runs of trials are no runs of the pipeline: they have no experiment key, and are in an MLflow experiment of their own.
"""

from pathlib import Path

from mlflow.entities import Run

from charloom.base.terminal import in_line, warn_once
from charloom.results.spool import FILES, SHOWN_FILES
from charloom.tracking import tag
from charloom.tracking.entries import Entry
from charloom.tracking.experiment_lock import experiment_lock
from charloom.tracking.store import ENDED, Store, run_page, with_author
from charloom.tracking.study_contents import PAGE, PICTURE, StudyContents, StudyTrial

Trials = dict[tuple[str, str], Run]  # by key of the row and hash of the results
MAX_NESTED = 200  # trials; a study with more trials gets no nested runs, only its table


def complete_study(store: Store, entry: Entry, contents: StudyContents) -> Run:
    """Send the entry's study, with the given contents; return the study's run. Trials of other users stay in MLflow."""
    store.use_studies()
    with experiment_lock(store, contents.question):
        run = _run_of(store, contents)
        _complete(store, run, contents, entry.folder / FILES / SHOWN_FILES)
    return run


def _complete(store: Store, run: Run, contents: StudyContents, files: Path) -> None:
    """Send the missing trials, the files and the verdict to the study's run. The caller holds the study's lock.

    A study with more than MAX_NESTED trials gets no nested runs. If MLflow has trials that are not in `contents`, the
    files and the verdict in MLflow are not updated, and a warning says so.

    run    the study's run
    files  folder with the files to send
    """
    stored = _trials(store, run)
    nested = contents.trials if len(contents.trials) <= MAX_NESTED else []
    for trial in reversed(nested):  # MLflow's page shows the newest run first
        stored[trial.key, trial.results] = _send_trial(store, run, trial, stored)
    conflicts = [trial.name for trial in nested if _other_results(stored, trial)]
    if conflicts:
        names = ", ".join(conflicts)
        warn_once(contents.name, f"MLflow study {contents.name}: MLflow also has runs with other results of {names}")
    # A trial from another version of the arithmetic has another key, but the same name: this table does not lack it.
    ours = {trial.key for trial in contents.trials} | {in_line(trial.name) for trial in contents.trials}
    if more := sum(not {key, run.info.run_name} & ours for (key, _), run in stored.items()):
        reason = f"MLflow has {more} trials that your trials.csv lacks, so the study's page in MLflow was not updated"
        warn_once(contents.question, f"MLflow study {in_line(contents.name)}: {reason}")
        return
    store.upload(files, run.info.artifact_uri)
    picture = f"![The comparison](get-artifact?path={PICTURE}&run_uuid={run.info.run_id})"
    page = f"[The study’s page]({run_page(run, '/artifacts/' + PAGE)})"
    first, _, rest = contents.description.partition("\n\n")
    note = "\n\n".join([first, page, picture, rest])
    counts = {name: str(count) for name, count in contents.counts.items()}
    store.set_tags(
        run, counts | {tag.NOTE: note, tag.VERDICT: contents.verdict, tag.USER: with_author(run, store.user)}
    )
    store.end_run(run, "FINISHED", None)


def _run_of(store: Store, contents: StudyContents) -> Run:
    """Return the study's run: the first one with its question and text, see Store.search. Create a missing run."""
    same = f"tags.`{tag.QUESTION}` = '{contents.question}' AND tags.`{tag.TEXT}` = '{contents.text_sha256}'"
    for run in store.search(same)[:1]:
        return run
    tags = {tag.STUDY: in_line(contents.name), tag.TEXT: contents.text_sha256, tag.QUESTION: contents.question}
    return store.create_run(Path(contents.name).stem, tags)


def _trials(store: Store, study: Run) -> Trials:
    """Return the runs of the study's trials in the store, by key of the row and hash of results.

    If several runs have the same key and results, the first one counts, see Store.search. `study` is the study's run.
    """
    trials: Trials = {}
    for run in store.search(f"tags.`{tag.PARENT}` = '{study.info.run_id}'"):
        trials.setdefault((run.data.tags.get(tag.TRIAL, ""), run.data.tags.get(tag.RESULTS, "")), run)
    return trials


def _other_results(stored: Trials, trial: StudyTrial) -> list[Run]:
    """Return those of the `stored` runs that have the trial's key and other results."""
    return [run for (key, results), run in stored.items() if key == trial.key and results != trial.results]


def _send_trial(store: Store, study: Run, trial: StudyTrial, stored: Trials) -> Run:
    """Create the trial's run, send the trial's curves and params, and return the run. Complete an unfinished run.

    study   the study's run
    stored  the runs of the study's trials in the store
    """
    run = stored.get((trial.key, trial.results))
    if not run:
        tags = {tag.PARENT: study.info.run_id, tag.TRIAL: trial.key, tag.OUTCOME: trial.outcome}
        tags[tag.RESULTS] = trial.results
        if others := _other_results(stored, trial):
            tags[tag.DIFFERS] = others[0].info.run_id
        run = store.create_run(in_line(trial.name), tags)
    if run.info.status not in ENDED:
        start = run.info.start_time / 1000  # a fixed time, because MLflow deduplicates points by their time
        points = [(name, update, x, start) for name, curve in trial.series.items() for update, x in curve.items()]
        store.send(run, points, trial.params)
        store.end_run(run, "FINISHED" if trial.results else "FAILED", None)
    return run
