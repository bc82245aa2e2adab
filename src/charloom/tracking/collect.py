"""Add the results of this folder's run to the spool (see spool.py). This module sends nothing to MLflow."""

import json
import math
import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from textwrap import indent
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from pydantic import RootModel

from charloom.core.base.sources import files_in
from charloom.core.base.storage import append, read_json
from charloom.core.base.terminal import visible
from charloom.core.base.words import in_line
from charloom.core.base.yaml12 import leaves
from charloom.core.config.params import PARAMS, Params
from charloom.core.config.pipeline import HERE, LOCK, PIPELINE, Files, Project, files, names_of
from charloom.core.config.reading import read_params
from charloom.core.config.records import BEST_MODEL, DEFAULT_MEASURE, SampleMetrics, SampleQuality, SampleTable
from charloom.core.runtime.provenance import UNKNOWN, commit, or_unknown, sender_identity
from charloom.core.training.record import RECORD, spool, start_of
from charloom.results.git import branch, remote_url, uncommitted_patch
from charloom.results.keys import experiment_key, setting_label
from charloom.results.run import Run, from_folder, thinned
from charloom.results.study_table import FIRST_METRIC_NAMES
from charloom.tracking import tag
from charloom.tracking.entries import Content, Entry, entries, put_files
from charloom.tracking.queries import PATCH
from charloom.tracking.spool import BEST, LAST, MODEL_CODE, PACKED, RATE, SERVED, SHOWN_FILES, Started, Tracked

SHOWN = ("reports/report", "reports/sample_table")  # in the artifacts' top folder; MLflow shows the second as a table
SENT = {"reports", "metrics", "plots"}  # the folders whose files a run's page shows
SAMPLES = "samples.txt"
CHECKPOINTS = 50  # limit for one run; if there are more, every 2nd, 5th, 10th and so on is sent
EXCERPT = 1000  # characters of a sample in a description


def this_run(project: Project = HERE, params: Params | None = None) -> Run:
    """Read the run from the files in the project's folder, and add points to its curves (value by update, by measure).

    The points are the measures of the best and the last model, and two measures of each checkpoint's sample. Any other
    number in a file that dvc.yaml declares as metrics is a point at the last update, except FIRST_METRIC_NAMES. A
    measure that is None adds no point. A measure without a curve gets one, because MLflow draws a chart for each curve.
    An earlier project may lack a stage after `train`: a file that dvc.yaml does not declare for `track` adds no point.

    params  the project's params; None reads params.yaml of this folder

    Raises Damaged, with the file's name, if a file's content is not what a stage writes, and WrongInput if params.yaml
    is invalid.
    """
    path = project.files("track")
    run = from_folder(params or read_params(), path)
    samples, train = dict[int, SampleQuality](), run.text_and_metrics[1]
    if "metrics/sample" in path:
        samples = read_json(path["metrics/sample"], SampleMetrics).checkpoints
    points = [
        ("smooth_loss", train.best_update, train.best_smooth_loss),
        ("smooth_loss", train.updates, train.smooth_loss),
        (DEFAULT_MEASURE, train.best_update, train.best_held_out_bits_per_character),
        (DEFAULT_MEASURE, train.updates, train.held_out_bits_per_character),
        *(("known_words", update, row.known_words) for update, row in samples.items()),
        *(("longest_copy", update, float(row.longest_copy)) for update, row in samples.items()),
        *((name, train.updates, value) for name, value in _stage_metrics(project) if name not in FIRST_METRIC_NAMES),
    ]
    curves = {name: dict(curve) for name, curve in run.curves.items()}
    for name, update, value in points:
        if value is not None:
            curves.setdefault(name, {})[update] = value
    return run._replace(curves=curves)


def _stage_metrics(project: Project) -> Iterator[tuple[str, float]]:
    """Yield the dotted name and the value of each number in those files of `track` that dvc.yaml declares as metrics.

    A character that MLflow's names may not contain becomes `_`. Raises Damaged if a file is no mapping in JSON.
    """
    metrics = {name for stage in project.stages().values() for name in names_of(stage.get("metrics", []))}
    for file in project.files("track").values():
        if str(file.relative_to(project.root)) in metrics:
            for name, value in leaves(read_json(file, RootModel[dict[str, Any]]).root):
                if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                    yield re.sub(r"[^\w\-./ ]", "_", name), value


def entry_of(run: Run) -> Entry | None:
    """Return the spool's newest entry with the run's experiment key and results, or None if there is no such entry.

    An entry that another version of the sources wrote may have other values. So an entry is not returned if one of its
    points differs from the run's value at the same update. A point that only the entry or only the run has is ignored.
    """
    experiment, found = experiment_key(run.params, run.text_sha256, run.network), list[Entry]()
    for entry in entries():
        same = (run.curves.get(name, {}).get(at, value) == value for (name, at), (value, _) in entry.points.items())
        if not entry.study and entry.first.experiment == experiment and entry.results == run.results and all(same):
            found.append(entry)
    return max(found, key=lambda entry: entry.trainings[-1][1].ended if entry.trainings else 0.0, default=None)


def put(run: Run, check: Callable[[], None] = lambda: None) -> Path:
    """Add the run's files, and the points that its training did not record, to the spool; return the entry's folder.

    The entry is the training's own, or a new one if the training left none. If the entry already has intact
    files, only a request for delivery is added. The points get the time of the last recorded point. The code of a
    served model consists of the sources of the stage `sample`.

    check  called after all files are collected; if `check` raises an exception, the entry stays unchanged

    Raises OSError or Unavailable if the spool cannot be written, and Damaged if the sample table is invalid.
    """
    entry = entry_of(run)
    try:
        return _put(run, entry, check)
    except FileNotFoundError:
        if not entry or entry.path.exists():
            raise
        return put(run, check)  # the sender has removed the entry in the meantime


def _put(run: Run, entry: Entry | None, check: Callable[[], None]) -> Path:
    """Add the run to the entry (None: to a new entry) as `put` does. Raises FileNotFoundError if it was removed."""
    if entry and entry.tracked and entry.is_intact:
        check()
        append(entry.path, [{"sender": sender_identity()}])
        return entry.folder
    path, train = files("track"), run.text_and_metrics[1]
    patch = or_unknown(partial(uncommitted_patch, run.params.prepare.text))
    samples = read_json(path["reports/sample_table"], SampleTable)
    start = start_of(run.params, run.text_sha256, run.network)
    first = entry.first if entry else Started.model_validate(start)
    folder = entry.folder if entry else spool() / f"{first.experiment[:12]}-{run.results[:16]}"
    recorded = entry.points if entry else {}
    last = max((when for _, when in recorded.values()), default=first.started)
    curves = ((name, update, value) for name, curve in run.curves.items() for update, value in curve.items())
    points = [[*point, last] for point in curves if point[:2] not in recorded]
    models = _models(run, path)
    tracked = Tracked(
        results=run.results, train=train, tags=_tags(run, patch, path["reports/sample_table"].name),
        models={name: update for name, (_, update) in models.items()},
        description=_description(run, samples), points=len(points) + sum(name != RATE for name, _ in recorded),
    )  # fmt: skip
    if not entry:
        folder.mkdir(parents=True, exist_ok=True)
    contents = {f"{SHOWN_FILES}/{name}": content for name, content in _shown(path, samples, patch).items()}
    contents |= {f"models/{name}.npz": file for name, (file, _) in models.items()}
    contents[f"{MODEL_CODE}/{SERVED}"] = Path(__file__).with_name(SERVED)
    contents[f"{MODEL_CODE}/{PACKED}"] = _packed()
    put_files(folder, contents, check)
    lines = [*points, tracked.model_dump(), {"sender": sender_identity()}]
    append(folder / RECORD, lines if entry else [start, *lines], create=not entry)
    return folder


def _models(run: Run, path: Files) -> dict[str, tuple[Path, int]]:
    """Return (file, number of updates) of the best model, the last model and the checkpoints, by name in MLflow."""
    train = run.text_and_metrics[1]
    checkpoints = {int(file.stem): file for file in files_in(path["models/checkpoints"])}
    checkpoints.pop(train.updates, None)  # it equals the last model
    models = {BEST: (path["models/best"], train.best_update), LAST: (path["models/last"], train.updates)}
    return models | {f"checkpoint_{file.stem}": (file, at) for at, file in thinned(checkpoints, CHECKPOINTS).items()}


def _shown(path: Files, samples: SampleTable, patch: str) -> dict[str, Content]:
    """Return the files for the run's page, by path: samples, uncommitted changes, params.yaml, and files in SENT."""
    top = [path[name] for name in SHOWN]
    outputs = [file for output in path.values() if output.parts[0] in SENT for file in files_in(output)]
    rows = (f"{name}, smooth loss {loss:.2f}\n\n{visible(text)}\n" for name, text, _, loss in samples.data)
    shown: dict[str, Content] = {SAMPLES: "\n".join(rows)}
    if patch and not patch.startswith(UNKNOWN):
        shown[PATCH] = patch.encode(errors="surrogateescape")
    return shown | {file.name if file in top else str(file): file for file in [PARAMS, PIPELINE, LOCK, *outputs]}


def _packed() -> bytes:
    """Return the zipped sources of the stage `sample`, which a served model imports."""
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED, strict_timestamps=False) as archive:
        for source in (path for path in files("sample").values() if path.is_relative_to("src")):
            for file in files_in(source):
                archive.write(file, file.relative_to("src"))
    return packed.getvalue()


def _tags(run: Run, patch: str, table: str) -> dict[str, str]:
    """Return tags of the run: code, setting, text, DVC experiment, sample table and first update below the target loss.

    The tags of the code name the repository, the commit, the branch and the kind of uncommitted changes: see
    tag.UNCOMMITTED.

    patch  the uncommitted changes as Git prints them, or a text that begins with UNKNOWN
    table  the file name of the sample table
    """
    headers = {line for line in patch.splitlines() if line.startswith("diff --git ")}
    changed = str(bool(patch)).lower()
    if headers == {f"diff --git a/{PARAMS} b/{PARAMS}"}:  # as after `dvc exp run -S`
        changed = str(PARAMS)
    tags = {
        "mlflow.source.name": "dvc repro",
        tag.COMMIT: or_unknown(commit),
        "mlflow.source.git.branch": or_unknown(branch),
        "mlflow.source.git.repoURL": or_unknown(remote_url),
        "mlflow.loggedArtifacts": json.dumps([{"path": table, "type": "table"}]),
        tag.UNCOMMITTED: patch if patch.startswith(UNKNOWN) else changed,
        tag.SETTING: setting_label(run.params),
        "charloom.first_update_below_target": str(run.text_and_metrics[1].first_update_below_target),
        tag.TEXT: run.text_sha256,
    } | ({tag.NETWORK: run.network} if run.network else {})
    names = {"charloom.dvc_experiment": "DVC_EXP_NAME", "charloom.dvc_baseline": "DVC_EXP_BASELINE_REV"}
    return tags | {key: os.environ[name] for key, name in names.items() if os.environ.get(name)}


def _description(run: Run, samples: SampleTable) -> str:
    """Return the run's description in Markdown: its measures and the start of the last checkpoint's sample."""
    train = run.text_and_metrics[1]
    _, text, update, _ = [row for row in samples.data if row[0] != BEST_MODEL][-1]
    bits, repository, number = train.held_out_bits_per_character, or_unknown(remote_url), or_unknown(commit)
    linked = f" The code: [`{number[:7]}`]({repository}/commit/{number})." if "://" in repository and number else ""
    measure = f"{bits:.3f} bits per held-out character" if bits is not None else f"smooth loss {train.smooth_loss:.3f}"
    return (
        f"**{measure}** of `{in_line(run.params.prepare.text)}`; smooth loss {train.smooth_loss:.3f}, "
        f"lowest {train.best_smooth_loss:.3f} after {train.best_update:,} of {train.updates:,} updates. "
        f"`report.html` among the artifacts is the full report.{linked}\n\n"
        f"Sample after {update:,} updates:\n\n{indent(visible(text[:EXCERPT]), '    ', lambda _: True)}\n"
    )
