"""Create and complete the run of a training, or of a study, in MLflow. Delivery is idempotent.

A training's *open* run shows its points, and has no results yet. Only the sender of the training's entry writes this
run; the run's tag RECORD is the name of the entry's record. A *complete* run has results. If a complete run has the
training's experiment key (see store.py) when the training starts, the training gets no open run. If the results at the
end are equal, the complete run gets a tag for the training. Each training has a tag of its own, so no sender has to
read and change a tag. If the results differ, they become a run with the tag DIFFERS, which names the earlier run.
"""

import json
import sys
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, DatasetInput, Experiment, InputTag, Run, ViewType
from mlflow.types.schema import ColSpec, Schema

from charloom.core.base.storage import read_json
from charloom.core.base.terminal import warn_once
from charloom.core.base.words import in_line
from charloom.core.config.records import TextMetrics
from charloom.results.keys import run_name_at
from charloom.tracking import tag
from charloom.tracking.entries import UNKNOWN, Entry
from charloom.tracking.models import register, send_models
from charloom.tracking.spool import FILES, PAGE, PICTURE, SHOWN_FILES, StudyContents, Tracked
from charloom.tracking.store import STUDIES, TAG_LENGTH, Store, run_page, with_authors

DIGEST_LENGTH = 36  # characters of a dataset's digest, at most
HEADING = "\n\n| trained |"  # begins the list of trainings in a description
COLUMNS = " from | on | with | sent by |\n|---|---|---|---|---|\n"


def show(store: Store, entry: Entry, *, ended: bool) -> None:
    """Send the training's points to its open run, and end the run if the training has ended.

    A missing run is created, unless a complete run has the same experiment key. A run that has ended is set to RUNNING
    again if the training was resumed. Nothing is sent to a run that is complete or was deleted.

    ended  whether the training has ended
    """
    experiment = store.experiment_of(entry.first.text_sha256, entry.first.params.prepare.text)
    own, complete_runs = _runs_of(store, experiment, entry, ViewType.ALL)
    run = own[0] if own else None
    if complete_runs if not run else run.info.lifecycle_stage != "active" or tag.RESULTS in run.data.tags:
        entry.sent = sys.maxsize  # so the store is asked again only when the training has ended
        return
    if not run:
        run = _create(store, experiment, entry)
    elif run.info.status != "RUNNING":
        if ended:
            return
        store.client.update_run(run.info.run_id, "RUNNING")
    _send_points(store, entry, run)
    if ended:
        store.end_run(run, *(entry.end.status, entry.end.ended) if entry.end else ("KILLED", None))


def complete(store: Store, entry: Entry, tracked: Tracked) -> Run:
    """Send the missing points, files, models and tags of the entry's run, and return the run.

    If an earlier complete run has the same results, the entry's trainings become tags of that run, and that run is
    returned if the entry has no open run. Of several such runs, that with the tags of an earlier attempt is taken, else
    the oldest. Otherwise the entry's own run is completed: with points and files, and with models if no earlier run has
    them. The tag RESULTS, which marks a complete run, is written last.

    tracked  what `track` has recorded about the entry's files
    """
    start, entry.sent = entry.first, UNKNOWN  # the number may be of another run
    experiment = store.experiment_of(start.text_sha256, start.params.prepare.text)
    own, complete_runs = _runs_of(store, experiment, entry, ViewType.ACTIVE_ONLY)
    equals = [run for run in complete_runs if run.data.tags[tag.RESULTS] == tracked.results]
    counted = f"{tag.TRAINING}{start.record}"  # by an earlier attempt, which may have failed afterwards
    equal = min(equals, key=lambda run: (counted not in run.data.tags, run not in own[:1]), default=None)
    for other in own[1:]:  # a request that was sent again has created two
        if other.info.status == "RUNNING":
            store.end_run(other, "KILLED", None)
    if equal and (not own or tag.RESULTS in own[0].data.tags):
        _add_trainings(store, equal, entry)
        return equal
    run = own[0] if own else _create(store, experiment, entry)
    store.upload(entry.folder / FILES / SHOWN_FILES, run.info.artifact_uri)
    _send_points(store, entry, run)
    if not (run.inputs and run.inputs.dataset_inputs):
        store.client.log_inputs(run.info.run_id, [_dataset(entry)])
    tags = tracked.tags | {tag.NOTE: tracked.description, tag.EARLIER: "0"}
    if equal:
        _add_trainings(store, equal, entry)
        tags |= {tag.SAME: equal.info.run_id}
    else:
        register(store, experiment, run, send_models(store, run, entry, tracked.models), start, tracked.train)
        tags |= _training_tags(store, entry)
        tags |= _views(run, run.data.tags | tags)
        tags |= {tag.DIFFERS: complete_runs[0].info.run_id} if complete_runs else {}
    store.end_run(run, "FINISHED", entry.trainings[0][1].ended if entry.trainings else None)
    store.set_tags(run, tags | {tag.RESULTS: tracked.results})
    return run


def complete_study(store: Store, folder: Path, contents: StudyContents) -> Run:
    """Send the study whose entry is in the folder; return the study's run in MLflow, which is created if missing.

    Two deliveries at the same moment can create two runs with the study's question and text. Then the study's run is
    the one with the most trials, or the newest of those. If this run has an answer from more trials than `contents`,
    print a warning and send nothing.
    """
    experiment = store.experiment(STUDIES, f"charloom: {STUDIES}", tag.STUDIES_TAGS)  # no text's name has a colon
    same = f"tags.`{tag.QUESTION}` = '{contents.question}' AND tags.`{tag.TEXT}` = '{contents.text_sha256}'"
    tags = {tag.STUDY: in_line(contents.name), tag.TEXT: contents.text_sha256, tag.QUESTION: contents.question}
    runs = store.search(experiment, same) or [store.create_run(experiment, Path(contents.name).stem, tags, same)]
    run = max(reversed(runs), key=lambda run: _number(run.data.tags, tag.TRIALS))
    if (trials := _number(run.data.tags, tag.TRIALS)) > contents.trials:
        reason = f"MLflow has an answer from {trials} trials, your trials.csv has {contents.trials}: not updated"
        warn_once(contents.question, f"MLflow study {in_line(contents.name)}: {reason}")
        return run
    store.upload(folder / FILES / SHOWN_FILES, run.info.artifact_uri)
    picture = f"![The comparison](get-artifact?path={PICTURE}&run_uuid={run.info.run_id})"
    page = f"[The study’s page]({run_page(run, '/artifacts/' + PAGE)})"
    verdict, _, rest = contents.description.partition("\n\n")
    note = "\n\n".join([verdict, page, picture, rest])
    about = {tag.NOTE: note, tag.TRIALS: str(contents.trials), tag.USER: with_authors(run.data.tags, store.user)}
    store.set_tags(run, contents.tags | about)
    store.end_run(run, "FINISHED", None)
    return run


def _runs_of(store: Store, experiment: Experiment, entry: Entry, view: int) -> tuple[list[Run], list[Run]]:
    """Return the entry's own runs, complete ones first, and all complete runs with its experiment key and with models.

    In both lists, older runs come first. `view` selects active or all runs. Only the beginning of a key is compared,
    because earlier versions added a suffix to the key of runs with other results.
    """
    runs = store.search(experiment, f"tags.`{tag.KEY}` LIKE '{entry.first.experiment}%'", view)
    own = [run for run in runs if run.data.tags.get(tag.RECORD) == entry.first.record]
    finished = [run for run in runs if tag.RESULTS in run.data.tags and run.info.lifecycle_stage == "active"]
    return sorted(own, key=lambda run: run not in finished), [run for run in finished if tag.SAME not in run.data.tags]


def _dataset(entry: Entry) -> DatasetInput:
    """Return the text as a dataset for MLflow: its file's name, the start of its SHA-256, its numbers of characters."""
    start, measures = entry.first, entry.folder / FILES / SHOWN_FILES / "metrics/prepare.json"
    path, profile = in_line(start.params.prepare.text), None
    if measures.exists():
        text = read_json(measures, TextMetrics)
        parts = {"training_characters": text.training_characters, "held_out_characters": text.held_out_characters}
        profile = json.dumps({"characters": text.characters, "distinct_characters": text.K, **parts})
    schema = json.dumps({"mlflow_colspec": Schema([ColSpec("string", "text")]).to_dict()})
    name, digest, source = Path(path).stem[:500], start.text_sha256[:DIGEST_LENGTH], json.dumps({"uri": path})
    dataset = Dataset(name, digest, "local", source, schema, profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _create(store: Store, experiment: Experiment, entry: Entry) -> Run:
    start, entry.sent = entry.first, 0
    name = run_name_at(start.params, start.commit)
    tags = {tag.KEY: start.experiment, tag.RECORD: start.record}
    return store.create_run(experiment, name, tags, f"tags.`{tag.RECORD}` = '{start.record}'", start.started)


def _send_points(store: Store, entry: Entry, run: Run) -> None:
    """Send the points that the run lacks, and the params if it has none. Then set `entry.sent` to the number of points.

    The run lacks the points after the first `entry.sent` ones. If this number is UNKNOWN, the run's points are read
    first and left out, because MLflow before 3 refuses a point that it has.
    """
    first, entry.sent = entry.sent, UNKNOWN  # the number is unknown after a failure
    known = store.points_of(run) if first == UNKNOWN else set()
    points = (point for point in islice(entry.points.items(), max(first, 0), None) if point[0] not in known)
    store.send(run, points, None if run.data.params else entry.first.params)
    entry.sent = len(entry.points)


def _training_tags(store: Store, entry: Entry) -> dict[str, str]:
    """Return a tag for each training of the entry with results; its value is JSON: end, machine, commit and sender.

    The tag's name ends with the name of the training's record; for the first training, of the entry's first start.
    """
    tags = {}
    for number, (start, end) in enumerate(entry.trainings):
        when = datetime.fromtimestamp(end.ended, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        row = {"when": when, "experiment": start.dvc_experiment, **start.machine, "commit": start.commit}
        name = start.record if number else entry.first.record
        tags[f"{tag.TRAINING}{name}"] = json.dumps(row | {"by": store.user})
    return tags


def _add_trainings(store: Store, run: Run, entry: Entry) -> None:
    """Add tags of the entry's trainings to a complete run, except trainings that tag.TRAININGS lists.

    Then write the tags of `_views`. Several senders may do so at the same moment. Each sender repeats the writing until
    no training was added in the meantime, so the `_views` that are written last have all trainings.
    """
    tags, written = run.data.tags, set[str]()
    times = {row["when"] for row in _listed(run, {tag.TRAININGS: tags.get(tag.TRAININGS, "[]")})}
    new = {key: row for key, row in _training_tags(store, entry).items() if json.loads(row)["when"] not in times}
    if new:
        new[tag.EARLIER] = tags.get(tag.EARLIER, tags.get(tag.REPRODUCTIONS, "0"))
        store.set_tags(run, new)
        tags = tags | new
        while written != (written := {key for key in tags if key.startswith(tag.TRAINING)}):
            store.set_tags(run, _views(run, tags))
            tags = store.client.get_run(run.info.run_id).data.tags


def _views(run: Run, tags: dict[str, str]) -> dict[str, str]:
    """Return the tags that show a run's trainings: description, number of trainings after the first, and senders.

    The description lists the first training, and as many of the newest trainings as fit into a tag.
    """
    rows, own = _listed(run, tags), f"{tag.TRAINING}{tags.get(tag.RECORD)}"
    count = _number(tags, tag.EARLIER) + sum(key != own for key in tags if key.startswith(tag.TRAINING))
    users, head = [row["by"] for row in rows if row.get("by")], tags.get(tag.NOTE, "").partition(HEADING)[0]
    while len(rows) > 1 and len(head + _table(rows)) > TAG_LENGTH:
        del rows[1]
    return {tag.NOTE: head + _table(rows), tag.REPRODUCTIONS: str(count), tag.USER: with_authors(tags, *users)}


def _number(tags: dict[str, str], name: str) -> int:
    """Return the number in the tag, or 0 if the tag is missing or not a number."""
    return int(text) if (text := tags.get(name, "")).isdecimal() else 0


def _listed(run: Run, tags: dict[str, str]) -> list[dict[str, Any]]:
    """Return the trainings that the run's `tags` describe, sorted by time. Skip a malformed tag, with a warning."""
    rows = list[dict[str, Any]]()
    for key, value in tags.items():
        try:
            if key.startswith(tag.TRAINING) or key == tag.TRAININGS:
                listed = json.loads(value if key == tag.TRAININGS else f"[{value}]")
                new = [row for row in listed if row.pop("same", True)]  # version 0.1 also lists other results
                _table(new)  # reads all columns
                rows += new
        except (ValueError, TypeError, KeyError, AttributeError):
            warn_once(run.info.run_id + key, f"MLflow run {in_line(run.info.run_name)}: tag {key} is malformed")
    return sorted(rows, key=lambda row: str(row["when"]))


def _table(trainings: list[dict[str, Any]]) -> str:
    """Return the list of trainings as a table in Markdown, or "" if the list is empty."""
    lines = (
        f"| {row['when'][:19]} UTC | {row['commit'][:7] or 'no commit'} | {row['processor']}, {row['system']} | "
        f"Python {row['python']}, NumPy {row['numpy']}, Numba {row['numba']} | {row.get('by') or '–'} |\n"
        for row in trainings
    )
    return f"{HEADING}{COLUMNS}{''.join(lines)}" if trainings else ""
