"""Completing a run in MLflow from the files: nothing twice, and results that differ beside, not over each other."""

import json
import tempfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from charloom.results.records import Training
from charloom.settings.params import Params, flat
from charloom.tracking import models as registry
from charloom.tracking import pending
from charloom.tracking.models import Trained, Version
from charloom.tracking.store import RESULTS, Points, Run, Store, dataset_key

TRAININGS = "charloom.trainings"  # a list of them in JSON
REPRODUCTIONS = "charloom.reproductions"  # how many of them came after the first, with the same bits
HEADING = "\n\n| trained | on | with | these results |\n|---|---|---|---|\n"
KEPT = 20  # trainings in the list, the first among them: a tag has room for 8,000 characters


@dataclass(frozen=True)
class Content:
    """What a run is.

    results      a hash of all that is equal on every processor
    series       the points of each metric
    text         the dataset: its file, SHA-256, and what it is like
    trainings    those that MLflow has not counted yet
    artifacts    files and folders, each with its folder in the run
    models       those to log, the first of them to register
    registered   … as this version
    patch        what was not committed
    description  Markdown; the trainings come after it
    """

    fingerprint: str
    params: Params
    results: str
    series: dict[str, Points]
    tags: dict[str, str]
    text: tuple[str, str, dict[str, float]]
    trainings: list[Training]
    artifacts: list[tuple[Path, str]]
    models: list[Trained]
    registered: Version
    patch: str
    description: str


def record(store: Store, content: Content) -> Run:
    """Complete the run and return it, FINISHED.

    A run that holds these results already only counts the trainings that were noted since; one that holds others is
    left as it is, and a second run, tagged differs_from, takes these. Raises MlflowException where the store does
    not answer.
    """
    store.connect()
    store.close_dead()
    first = run = store.run(content.fingerprint, content.params)
    for number in count(1):
        complete = RESULTS in run.data.tags
        there = {name: {} if complete else store.points(run, name) for name in content.series}
        if not _differs(run, content, there):
            break
        run = store.run(content.fingerprint, content.params, number)
    if not complete:
        missing: dict[str, Points] = {}
        for name, points in content.series.items():
            missing[name] = {step: value for step, value in points.items() if step not in there[name]}
        store.send(run, missing)
        store.read(run, *content.text)
        for path, folder in content.artifacts:
            store.attach(run, path, folder)
        dataset = dataset_key(*content.text[:2])
        values = {key: str(value) for key, value in flat(content.params.model_dump())}
        logged = [registry.log(store, run, each, dataset, values) for each in content.models]
        registry.register(store, run, logged[0], content.registered)
        if content.patch:
            with tempfile.TemporaryDirectory() as temporary:
                patch = Path(temporary, "uncommitted.diff")
                patch.write_text(content.patch, encoding="utf-8")
                store.attach(run, patch, "")
    trainings = content.trainings
    if trainings or not complete:
        _list(store, run, None if complete else content.description, trainings, same=True)
    if trainings and run is not first:
        _list(store, first, None, trainings, same=False)
    store.close(run)
    if not complete:
        differs = {} if run is first else {"charloom.differs_from": first.info.run_id}
        store.tag(run, content.tags | differs | {RESULTS: content.results})  # last: it says that all is there
    pending.done(content.fingerprint, trainings)
    return run


def _differs(run: Run, content: Content, there: dict[str, Points]) -> bool:
    """Return whether the run holds results, or points streamed on the way to them, that are not these."""
    if RESULTS in run.data.tags:
        return run.data.tags[RESULTS] != content.results
    return any(content.series[name].get(step) != value for name in there for step, value in there[name].items())


def _list(store: Store, run: Run, description: str | None, trainings: list[Training], *, same: bool) -> None:
    """Add the trainings to the run's list and its description, those apart that it has, and count reproductions.

    With a description, the first of them made the run.
    """
    tags = run.data.tags
    listed: list[dict[str, Any]] = json.loads(tags.get(TRAININGS, "[]"))
    made = int(description is not None and not listed and bool(trainings))
    new = [row for each in trainings if (row := each.model_dump() | {"same": same}) not in listed]
    listed += new
    listed[1:] = listed[1:][1 - KEPT :]
    above = tags.get("mlflow.note.content", "").partition(HEADING)[0] if description is None else description
    rows = (
        f"| {row['when']} | {row['processor']}, {row['system']} | Python {row['python']}, NumPy {row['numpy']}, "
        f"Numba {row['numba']} | {'yes' if row['same'] else 'no'} |\n"
        for row in listed
    )
    content = {
        TRAININGS: json.dumps(listed),
        REPRODUCTIONS: str(int(tags.get(REPRODUCTIONS, "0")) + len(new) * same - made),
        "mlflow.note.content": above + (HEADING + "".join(rows) if listed else ""),
    }
    store.tag(run, content)
