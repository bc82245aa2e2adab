"""Create or update the run of a study in MLflow. A study has one run, with its answer, tables and page."""

from pathlib import Path

from mlflow.entities import Run

from charloom.core.base.terminal import warn_once
from charloom.core.base.words import in_line
from charloom.tracking import tag
from charloom.tracking.experiment_lock import experiment_lock
from charloom.tracking.spool import FILES, PAGE, PICTURE, SHOWN_FILES, StudyContents
from charloom.tracking.store import Store, run_page, with_author


def complete_study(store: Store, folder: Path, contents: StudyContents) -> Run:
    """Send the study whose entry is in the folder; return the study's run.

    The run is the oldest one with the study's question and text; a missing run is created. If the run has an answer
    from more trials than `contents`, it stays unchanged, with a warning. Raises Busy if another sender holds the lock
    of the study's question.
    """
    store.use_studies()
    with experiment_lock(store, contents.question):
        same = f"tags.`{tag.QUESTION}` = '{contents.question}' AND tags.`{tag.TEXT}` = '{contents.text_sha256}'"
        tags = {tag.STUDY: in_line(contents.name), tag.TEXT: contents.text_sha256, tag.QUESTION: contents.question}
        run = next(iter(store.search(same)), None) or store.create_run(Path(contents.name).stem, tags, same)
        trials = run.data.tags.get(tag.TRIALS, "")
        if trials.isdecimal() and int(trials) > contents.trials:
            reason = f"MLflow has an answer from {trials} trials, your trials.csv has {contents.trials}: not updated"
            warn_once(contents.question, f"MLflow study {in_line(contents.name)}: {reason}")
            return run
        store.upload(folder / FILES / SHOWN_FILES, run.info.artifact_uri)
        picture = f"![The comparison](get-artifact?path={PICTURE}&run_uuid={run.info.run_id})"
        page = f"[The study’s page]({run_page(run, '/artifacts/' + PAGE)})"
        verdict, _, rest = contents.description.partition("\n\n")
        note = "\n\n".join([verdict, page, picture, rest])
        about = {tag.NOTE: note, tag.TRIALS: str(contents.trials), tag.USER: with_author(run, store.user)}
        store.set_tags(run, contents.tags | about)
        store.end_run(run, "FINISHED", None)
        return run
