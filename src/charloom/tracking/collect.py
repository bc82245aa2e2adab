"""What this folder's results say, put into the outbox. MLflow is not asked here."""

import json
import os
import textwrap
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from modulefinder import ModuleFinder
from pathlib import Path
from shutil import copy
from zipfile import ZIP_DEFLATED, ZipFile

from charloom import NEEDED
from charloom.base.storage import read_json, write, write_json
from charloom.base.terminal import in_line, visible
from charloom.results.git import UNKNOWN, branch, changes, commit, known
from charloom.results.identity import experiment_key, name_of, setting
from charloom.results.records import BEST_MODEL, SampleMetrics, SampleTable, TextMetrics, TrainMetrics
from charloom.results.run import Run, from_folder
from charloom.settings.dvc_lock import LOCK
from charloom.settings.params import PARAMS, Params, read_params
from charloom.settings.pipeline import PIPELINE, files, files_in
from charloom.tracking.contents import RunContents, Series, with_ends
from charloom.tracking.outbox import ARTIFACTS, CODE, CONTENTS, folder_of, replaced
from charloom.tracking.view import SETTING

SOURCES = Path(__file__).parents[2]
SERVED = Path(__file__).with_name("served.py")
LIBRARIES = ("mlflow", "pandas", *NEEDED)  # what a served model needs
SHOWN = ("reports/report", "reports/sample_table")  # what one opens, and what MLflow's page shows as a table
MODELS = ("models/best", "models/last")
EXCERPT = 1000  # characters of a sample in a description
PRIME = 16  # characters of a model's input example


def made(path: dict[str, Path]) -> list[Path]:
    """Return what the run has made, of all files that dvc.yaml names for `track`."""
    return [file for file in path.values() if file.parts[0] in {"reports", "metrics", "plots", "models"}]


def this_run() -> RunContents:
    """Return what this folder's files say. Raises Damaged, naming the file, where one is none that a stage wrote."""
    path, params = files("track"), read_params()
    run = from_folder(params, path)
    text, train = run.facts
    samples = read_json(path["reports/sample_table"], SampleTable)
    patch = known(partial(changes, params.prepare.text))
    return RunContents(
        experiment=experiment_key(params, text.sha256),
        text_sha256=text.sha256,
        name=name_of(params),
        results=run.results,
        params=params,
        series=_series(run, train, read_json(path["metrics/sample"], SampleMetrics)),
        tags=_tags(params, text, train, patch, path["reports/sample_table"].name),
        text=text,
        train=train,
        models={name: f"models/{path[f'models/{name}'].name}" for name in ("best", "last")},
        prime=samples.data[-1][1][:PRIME],
        requirements=[f"{library}=={version(library)}" for library in LIBRARIES],
        description=_description(params, train, samples),
        patch=patch,
    )


def put(run: RunContents, check: Callable[[], None] = lambda: None) -> Path:
    """Put the run and its files into the outbox, and return its folder. Raises Unavailable where that fails.

    What `check` raises when all is collected leaves nothing there.
    """
    path = files("track")
    with replaced(folder_of(run)) as folder:
        for below, names in ((ARTIFACTS, SHOWN), ("models", MODELS)):
            (folder / below).mkdir()
            for name in names:
                copy(path[name], folder / below)
        rest = [file for file in made(path) if file.parts[0] != "models" and file not in [path[name] for name in SHOWN]]
        _pack(folder / ARTIFACTS / "files.zip", Path(), [PARAMS, PIPELINE, LOCK, *rest])
        if run.patch and not run.patch.startswith(UNKNOWN):
            write(folder / ARTIFACTS / "uncommitted.diff", run.patch)
        (folder / CODE).mkdir()
        copy(SERVED, folder / CODE)
        _pack(folder / CODE / "charloom.zip", SOURCES, _imported_by(SERVED))
        write_json(folder / CONTENTS, run.model_dump(mode="json"))
        check()
    return folder_of(run)


def _series(run: Run, train: TrainMetrics, samples: SampleMetrics) -> Series:
    """Return every metric as a curve."""
    sample = samples.checkpoints
    return with_ends(run.curves, train) | {
        "known_words": {u: each.known_words for u, each in sample.items() if each.known_words is not None},
        "longest_copy": {update: float(each.longest_copy) for update, each in sample.items()},
    }


def _tags(params: Params, text: TextMetrics, train: TrainMetrics, patch: str, table: str) -> dict[str, str]:
    """Return the tags: which code, which setting, which text, which experiment of DVC's, which table."""
    headers = [line for line in patch.splitlines() if line.startswith("diff --git ")]
    changed = any(line != f"diff --git a/{PARAMS} b/{PARAMS}" for line in headers)  # -S is no change of the sources
    tags = {
        "mlflow.source.name": "dvc repro",
        "mlflow.source.git.commit": known(commit),
        "mlflow.source.git.branch": known(branch),
        "mlflow.loggedArtifacts": json.dumps([{"path": table, "type": "table"}]),
        "charloom.uncommitted_changes": patch if patch.startswith(UNKNOWN) else str(changed).lower(),
        SETTING: setting(params),
        "charloom.first_update_below_target": str(train.first_update_below_target),
        "charloom.text_sha256": text.sha256,
    }
    names = {"charloom.dvc_experiment": "DVC_EXP_NAME", "charloom.dvc_baseline": "DVC_EXP_BASELINE_REV"}
    return tags | {tag: os.environ[name] for tag, name in names.items() if os.environ.get(name)}


def _description(params: Params, train: TrainMetrics, samples: SampleTable) -> str:
    """Return what came out, and what the network writes at its end."""
    _, text, update, _ = [row for row in samples.data if row[0] != BEST_MODEL][-1]
    bits = train.held_out_bits_per_character
    measure = f"{bits:.3f} bits per held-out character" if bits is not None else f"smooth loss {train.smooth_loss:.3f}"
    lines = visible(text[:EXCERPT]).splitlines()
    sample = "".join(f"    {part}\n" for line in lines for part in textwrap.wrap(line, 88) or [""])
    return (
        f"**{measure}** of `{in_line(params.prepare.text)}`; smooth loss {train.smooth_loss:.3f}, "
        f"lowest {train.best_smooth_loss:.3f} after {train.best_update:,} of {train.updates:,} updates. "
        "`report.html` among the artifacts shows all of it.\n\n"
        f"What it writes after {update:,} updates:\n\n{sample}"
    )


def _imported_by(script: Path) -> list[Path]:
    """Return what the script imports of this project."""
    finder = ModuleFinder(path=[str(SOURCES)])
    finder.run_script(str(script))
    found = [Path(vars(module)["__file__"] or "") for module in finder.modules.values()]  # the script is nameless
    return [file for file in found if file.is_relative_to(SOURCES) and file != script]


def _pack(archive: Path, folder: Path, paths: list[Path]) -> None:
    """Put the files, and those in folders among the paths, into one: a server asks for a second or so for each file."""
    with ZipFile(archive, "w", ZIP_DEFLATED, strict_timestamps=False) as packed:
        for file in (file for path in paths for file in files_in(path)):
            packed.write(file, file.relative_to(folder))
