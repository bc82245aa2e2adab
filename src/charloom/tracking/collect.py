"""Collect the results of this folder's run, and add them to the outbox. This module sends nothing to MLflow."""

import json
import math
import os
import re
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from textwrap import indent
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from pydantic import RootModel

from charloom.core.base.git import UNKNOWN, commit, or_unknown
from charloom.core.base.sources import files_in
from charloom.core.base.storage import read_json
from charloom.core.base.terminal import visible
from charloom.core.base.words import in_line
from charloom.core.base.yaml12 import leaves
from charloom.core.config.params import PARAMS, as_yaml, flat_of
from charloom.core.config.pipeline import HERE, LOCK, PIPELINE, Files, files, names_of, root
from charloom.core.config.records import BEST_MODEL, DEFAULT_MEASURE, SampleMetrics, SampleTable, TrainMetrics
from charloom.core.runtime.inputs import values_of
from charloom.core.runtime.provenance import Provenance, provenance_file, provenance_in
from charloom.core.training import resume
from charloom.results.git import branch, remote_url, uncommitted_patch
from charloom.results.keys import experiment_key, run_name_at, setting_label
from charloom.results.run import Run, thinned
from charloom.tracking import outbox, tag
from charloom.tracking.outbox import BEST, LAST, Content, Manifest

SAMPLE_TABLE = "sample_table.json"  # MLflow shows it as a table
TOP = ("report.html", SAMPLE_TABLE)  # in the artifacts' top folder
SENT = {"reports", "metrics", "plots"}  # the folders whose files a run's page shows
SAMPLES = "samples.txt"
DIGEST = 36  # characters of a dataset's digest, at most
CHECKPOINTS = 50  # limit for one run; if there are more, every 2nd, 5th, 10th and so on is sent
EXCERPT = 1000  # characters of a sample in a description


def put_run(run: Run, check: Callable[[], None] = lambda: None) -> Path:
    """Add the run in this folder to the outbox; return the entry's folder. `check` and the errors are those of `put`.

    The code of a served model consists of the sources of the stage `sample`. If the run's training is unknown, the id
    is a digest: the next attempt in this folder continues the same run. Raises Damaged, with the file's name, if a
    file's content is not what a stage writes.
    """
    path, (text, train), source = files("track"), run.text_and_metrics, in_line(run.params.prepare.text)
    patch = or_unknown(partial(uncommitted_patch, run.params.prepare.text))
    samples = read_json(path["reports/sample_table"], SampleTable)
    training, key = _training_of(run), experiment_key(run.params, run.text_sha256, run.network)
    started, ended = (training.started, training.ended or 0.0) if training else (time.time(), time.time())
    per_update, models = (ended - started) / (train.updates or 1), _models(run, path)
    tags = _tags(run, patch, training) | {tag.KEY: key, tag.RESULTS: run.results}
    manifest = Manifest(
        id=training.id if training else sha256(repr((key, run.results, root())).encode()).hexdigest()[:32],
        trained=bool(training), experiment=run.text_sha256, source=source,
        name=run_name_at(run.params, or_unknown(commit)), description=_description(run, samples), tags=tags,
        started=started, ended=ended,
        params={name: in_line(as_yaml(value)) for name, value in flat_of(run.params).items()},
        points=[(name, at, value, started + per_update * at) for (name, at), value in _points(run, path).items()],
        dataset={"name": Path(source).stem[:500], "digest": text.sha256[:DIGEST], "source": json.dumps({"uri": source}),
                 "profile": text.model_dump_json()},
        models={name: update for name, (_, update) in models.items()}, better=_better(run),
    )  # fmt: skip
    contents = {f"{outbox.ARTIFACTS}/{name}": content for name, content in _shown(path, samples, patch).items()}
    contents |= {f"{outbox.MODEL_FILES}/{name}.npz": file for name, (file, _) in models.items()}
    contents[f"{outbox.CODE}/{outbox.SERVED}"] = Path(__file__).with_name(outbox.SERVED)
    contents[f"{outbox.CODE}/{outbox.PACKED}"] = _packed()
    return outbox.put(manifest, contents, check)


def _training_of(run: Run) -> Provenance | None:
    """Return the provenance of the training with these params, inputs and results, or None if it is unknown."""
    inputs = resume.train_inputs(values_of("train", run.params), run.params.recipe.kind)
    training = provenance_in(provenance_file(resume.key(inputs), run.params))
    return training if training and training.ended and training.results == run.results else None


def _points(run: Run, path: Files) -> dict[tuple[str, int], float]:
    """Return the run's points, {(name, update): value}: its curves, and measures of the models and the samples.

    A number in a file that dvc.yaml declares as metrics is a point at the last update, if its name has no other point.
    A character that MLflow's names may not contain becomes `_`. MLflow draws a chart for each name.
    """
    train, samples = run.text_and_metrics[1], read_json(path["metrics/sample"], SampleMetrics).checkpoints
    points: dict[tuple[str, int], float | None] = {
        (name, update): value for name, curve in run.curves.items() for update, value in curve.items()
    }
    points |= {
        (name, at): getattr(row, name) for at, row in samples.items() for name in ("known_words", "longest_copy")
    }
    points[DEFAULT_MEASURE, train.best_update] = train.best_held_out_bits_per_character
    points[DEFAULT_MEASURE, train.updates] = train.held_out_bits_per_character
    points["smooth_loss", train.best_update] = train.best_smooth_loss
    points["smooth_loss", train.updates] = train.smooth_loss
    known = {name for name, _ in points} | TrainMetrics.model_fields.keys()
    declared = {name for stage in HERE.stages().values() for name in names_of(stage.get("metrics", []))}
    for file in (file for file in path.values() if str(file) in declared):
        for name, value in leaves(read_json(file, RootModel[dict[str, Any]]).root):
            if isinstance(value, int | float) and not isinstance(value, bool) and name not in known:
                points[re.sub(r"[^\w\-./ ]", "_", name), train.updates] = value
    return {point: float(value) for point, value in points.items() if value is not None and math.isfinite(value)}


def _better(run: Run) -> dict[str, str]:
    """Return the better of the models BEST and LAST: see Manifest.better.

    The measure is the held-out bits per character. If no text is held out, the model is BEST, and the measure is its
    smooth loss. Two versions in the registry are comparable if their texts were measured in the same way.
    """
    train = run.text_and_metrics[1]
    model, update, bits = BEST, train.best_update, train.best_held_out_bits_per_character
    if bits is not None and (last := train.held_out_bits_per_character) is not None and last < bits:
        model, update, bits = LAST, train.updates, last
    name, measure = (DEFAULT_MEASURE, bits) if bits is not None else ("best_smooth_loss", train.best_smooth_loss)
    unit = name if bits is not None else f"{name} {run.params.loss_of}"
    read = f"held_out={run.params.prepare.held_out} {train.held_out_characters_read}"
    about = f"{measure:.4f} {name} after {update:,} updates"
    tags = {tag.MEASURED: repr(measure), tag.COMPARABLE: f"{unit} {read} {run.text_sha256}"}
    return {"model": model, "about": about} | tags


def _models(run: Run, path: Files) -> dict[str, tuple[Path, int]]:
    """Return (file, number of updates) of the best model, the last model and the checkpoints, by name in MLflow."""
    train = run.text_and_metrics[1]
    checkpoints = {int(file.stem): file for file in files_in(path["models/checkpoints"])}
    checkpoints.pop(train.updates, None)  # it equals the last model
    models = {BEST: (path["models/best"], train.best_update), LAST: (path["models/last"], train.updates)}
    return models | {f"checkpoint_{file.stem}": (file, at) for at, file in thinned(checkpoints, CHECKPOINTS).items()}


def _shown(path: Files, samples: SampleTable, patch: str) -> dict[str, Content]:
    """Return the files for the run's page, by path: samples, uncommitted changes, params.yaml, and files in SENT."""
    outputs = [file for output in path.values() if output.parts[0] in SENT for file in files_in(output)]
    rows = (f"{name}, smooth loss {loss:.2f}\n\n{visible(text)}\n" for name, text, _, loss in samples.data)
    shown: dict[str, Content] = {SAMPLES: "\n".join(rows)}
    if patch and not patch.startswith(UNKNOWN):
        shown[outbox.PATCH] = patch.encode(errors="surrogateescape")
    return shown | {file.name if file.name in TOP else str(file): file for file in [PARAMS, PIPELINE, LOCK, *outputs]}


def _packed() -> bytes:
    """Return the zipped sources of the stage `sample`, which a served model imports."""
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED, strict_timestamps=False) as archive:
        for source in (path for path in files("sample").values() if path.is_relative_to("src")):
            for file in files_in(source):
                archive.write(file, file.relative_to("src"))
    return packed.getvalue()


def _tags(run: Run, patch: str, training: Provenance | None) -> dict[str, str]:
    """Return tags of the run: its code, setting, text and machine. `patch` has the uncommitted changes."""
    headers = {line for line in patch.splitlines() if line.startswith("diff --git ")}
    only_params = headers == {f"diff --git a/{PARAMS} b/{PARAMS}"}  # as after `dvc exp run -S`
    changed = str(PARAMS) if only_params else str(bool(patch)).lower()
    tags = {
        "mlflow.source.name": "dvc repro",
        tag.COMMIT: or_unknown(commit),
        "mlflow.source.git.branch": or_unknown(branch),
        "mlflow.source.git.repoURL": or_unknown(remote_url),
        "mlflow.loggedArtifacts": json.dumps([{"path": SAMPLE_TABLE, "type": "table"}]),
        tag.UNCOMMITTED: patch if patch.startswith(UNKNOWN) else changed,
        tag.SETTING: setting_label(run.params),
        "charloom.first_update_below_target": str(run.text_and_metrics[1].first_update_below_target),
        tag.TEXT: run.text_sha256,
        tag.NETWORK: run.network,
        "charloom.dvc_experiment": training.dvc_experiment if training else os.environ.get("DVC_EXP_NAME", ""),
    } | {f"charloom.{name}": value for name, value in (training.machine if training else {}).items()}
    return {name: value for name, value in tags.items() if value or name == tag.COMMIT}


def _description(run: Run, samples: SampleTable) -> str:
    """Return the run's description in Markdown: its measures and the start of the last checkpoint's sample."""
    train = run.text_and_metrics[1]
    _, text, update, _ = [row for row in samples.data if row[0] != BEST_MODEL][-1]
    bits = train.held_out_bits_per_character
    measure = f"{bits:.3f} bits per held-out character" if bits is not None else f"smooth loss {train.smooth_loss:.3f}"
    return (
        f"**{measure}** of `{in_line(run.params.prepare.text)}`; smooth loss {train.smooth_loss:.3f}, "
        f"lowest {train.best_smooth_loss:.3f} after {train.best_update:,} of {train.updates:,} updates. "
        f"`report.html` among the artifacts is the full report.\n\n"
        f"Sample after {update:,} updates:\n\n{indent(visible(text[:EXCERPT]), '    ', lambda _: True)}\n"
    )
