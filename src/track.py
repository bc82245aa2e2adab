"""track: complete or rebuild the MLflow run from the files, and say what the run made.

An argument says for how many seconds the store may be silent.
"""

import hashlib
import json
import os
import re
import sys
import textwrap
import threading
import time
from pathlib import Path

from ruamel.yaml import YAML

from charloom.base.storage import read_json, read_table, sha256
from charloom.base.terminal import visible
from charloom.network.rnn import NAMES
from charloom.results.git import branch, changes, commit
from charloom.results.records import BEST, MEASURES, Gradcheck, Prepare, Sample, SampleTable, Train
from charloom.settings.experiment import fingerprint
from charloom.settings.params import Params, flat, read_params
from charloom.settings.pipeline import PIPELINE, files, stage
from charloom.text.corpus import read_text
from charloom.tracking import pending
from charloom.tracking.address import create, turn
from charloom.tracking.live import warn
from charloom.tracking.models import ALIAS, Trained, Version
from charloom.tracking.record import Content, record
from charloom.tracking.store import Points, Store
from charloom.tracking.view import MEASURE

SINGLE = {
    "best_smooth_loss",
    "best_update",
    "first_update_below_target",
    "best_held_out_bits_per_character",
}
PATIENCE = 3.0  # seconds without an answer, after which a stage gives up
LOCK = Path("dvc.lock")
FOLDER = {"metrics": "metrics", "plots": "plots", "models": "models"}  # in the run; the rest is what one opens first
EXCERPT = 1000  # characters of a sample in a description
PRIME = 16  # characters of a model's input example


def main() -> None:
    """Send what the store lacks; a store that does not answer is a warning, never a failure."""
    path = files("track")
    made = [file for file in path.values() if file.parts[0] in {"reports", *FOLDER}]
    train = read_json(path["metrics/train"], Train)
    headline = (
        f"smooth loss {train.smooth_loss:.3f} after {train.updates:,} updates, "
        f"lowest {train.best_smooth_loss:.3f} after {train.best_update:,}"
    )
    content = _content(path, made, train, headline)
    print("".join(f"  {file}\n" for file in made) + headline)
    try:
        create()
        with turn():
            name = _patiently(content, float(sys.argv[1]) if sys.argv[1:] else PATIENCE)
    except Exception as error:  # noqa: BLE001  whatever it is, the results are there
        pending.missed(content.fingerprint)
        warn(error)
    else:
        print(f"MLflow run {name}: `make ui` shows it")


def _patiently(content: Content, seconds: float) -> str:
    """Return the recorded run's name. Raises TimeoutError where the store is silent for so long."""
    store, outcome = Store(), list[str | Exception]()

    def recording() -> None:
        try:
            outcome.append(str(record(store, content).info.run_name))
        except Exception as error:  # noqa: BLE001  raised again below
            outcome.append(error)

    thread = threading.Thread(target=recording, daemon=True)
    thread.start()
    silent, end = 0.0, time.monotonic() + 10 * seconds  # one that answers, but for ever, has to end too
    while thread.is_alive() and silent <= seconds and time.monotonic() < end:
        answers, worked = store.answers, time.process_time()
        thread.join(0.1)
        waiting = store.answers == answers and time.process_time() - worked < 0.02  # else we may be what is slow
        silent = silent + 0.1 if waiting else 0.0
    if not outcome:
        raise TimeoutError(f"no answer within {seconds:g} s" if silent > seconds else f"not done in {10 * seconds:g} s")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def _content(path: dict[str, Path], made: list[Path], train: Train, headline: str) -> Content:
    """Return what the files say."""
    params = read_params()
    prepare = read_json(path["metrics/prepare"], Prepare)
    samples = read_json(path["reports/sample_table"], SampleTable).data
    _, text, update, _ = [row for row in samples if row[0] != BEST][-1]
    bits = train.held_out_bits_per_character
    measure = f"{bits:.3f} bits per held-out character" if bits is not None else f"smooth loss {train.smooth_loss:.3f}"
    lines = visible(text[:EXCERPT]).splitlines()
    sample = "".join(f"    {part}\n" for line in lines for part in textwrap.wrap(line, 88) or [""])
    patch = changes()
    alone = [Path("params.yaml"), PIPELINE, LOCK]
    trainings = pending.note(name := fingerprint(params, Path("src"))).trainings
    known = {
        "charloom.dvc_experiment": os.environ.get("DVC_EXP_NAME"),
        "charloom.dvc_baseline": os.environ.get("DVC_EXP_BASELINE_REV"),
        "charloom.platform": f"{trainings[-1].processor}, {trainings[-1].system}" if trainings else "",
    }
    return Content(
        fingerprint=name,
        params=params,
        results=_results(made),
        series=_series(path, train),
        tags={
            "mlflow.source.name": "dvc repro",
            "mlflow.source.git.commit": commit(),
            "mlflow.source.git.branch": branch(),
            "charloom.uncommitted_changes": str(bool(patch)).lower(),
            "charloom.text_sha256": prepare.sha256,
            "charloom.dvc_lock_sha256": _lock(),
            "mlflow.loggedArtifacts": json.dumps([{"path": path["reports/sample_table"].name, "type": "table"}]),
            **{tag: value for tag, value in known.items() if value},
        },
        text=(params.prepare.text, prepare.sha256, dict(flat(prepare.model_dump(exclude={"sha256"})))),
        trainings=trainings,
        artifacts=[*((file, "") for file in alone), *((file, FOLDER.get(file.parts[0], "")) for file in made)],
        models=_models(path, params, train),
        registered=_registered(params, train, prepare),
        patch=patch,
        description=f"**{measure}** of `{params.prepare.text}`; {headline}.\n\n"
        f"What it writes after {update:,} updates:\n\n{sample}",
    )


def _models(path: dict[str, Path], params: Params, train: Train) -> list[Trained]:
    """Return the best and the last model. Their metrics are points of the run's too: MLflow has no others."""
    text = read_text(Path(params.prepare.text))
    prime = next((line for line in text.splitlines() if len(line) > 2 * PRIME), text)[:PRIME]
    models = []
    for name, update, loss, bits in (
        ("best", train.best_update, train.best_smooth_loss, train.best_held_out_bits_per_character),
        ("last", train.updates, train.smooth_loss, train.held_out_bits_per_character),
    ):
        metrics = {f"{name}_smooth_loss": (train.updates, loss)} | ({} if bits is None else {MEASURE: (update, bits)})
        models.append(Trained(name, path[f"models/{name}"], update, prime, metrics))
    return models


def _registered(params: Params, train: Train, prepare: Prepare) -> Version:
    """Return the best model's version among the models of this text."""
    text, bits = params.prepare.text, train.best_held_out_bits_per_character
    what, measure = (MEASURE, bits) if bits is not None else ("best_smooth_loss", train.best_smooth_loss)
    length = "" if bits is not None else f" seq_length={params.seq_length}"  # a smooth loss is one of a sequence
    return Version(
        name=re.sub(r"[^\w.-]+", "-", f"charloom-{Path(text).stem}"),
        about=f"The best model of each run on `{text}`. `@{ALIAS}` is the best of those measured as the newest was.",
        description=f"{measure:.4f} {what} after {train.best_update:,} updates",
        measure=measure,
        comparable=f"{what}{length} held_out={params.prepare.held_out} {prepare.sha256}",
    )


def _series(path: dict[str, Path], train: Train) -> dict[str, Points]:
    """Return every metric as points by update."""
    gradcheck = read_json(path["metrics/gradcheck"], Gradcheck)
    states = (gradcheck.zero, gradcheck.carried)
    digits = {f"gradcheck_digits_{name}": min(getattr(each, name).agreeing_digits for each in states) for name in NAMES}
    single = train.model_dump(include=SINGLE)
    bits = {
        train.best_update: train.best_held_out_bits_per_character,
        train.updates: train.held_out_bits_per_character,
    }
    smooth_losses = read_table(path["plots/smooth_loss"], "smooth_loss")
    measures = read_table(path["plots/measures"], *MEASURES)
    first = read_table(path["plots/first_losses"], "loss")["loss"]
    sample = read_json(path["metrics/sample"], Sample).checkpoints
    words = {update: each.known_words for update, each in sample.items() if each.known_words is not None}
    copied = {update: float(each.longest_copy) for update, each in sample.items()}
    epochs = {min(epoch * train.updates_per_epoch, train.updates): mean for epoch, mean in train.epoch_mean.items()}
    return (
        {name: {train.updates: float(value)} for name, value in single.items() if value is not None}
        | {"last_smooth_loss": {train.updates: train.smooth_loss}}
        | {MEASURE: {update: value for update, value in bits.items() if value is not None}}
        | smooth_losses
        | measures
        | {"loss": first | measures["loss"], "epoch_mean": epochs, "known_words": words, "longest_copy": copied}
        | {name: {0: float(value)} for name, value in digits.items()}
    )


def _results(made: list[Path]) -> str:
    """Return a SHA-256 over every file that is equal wherever the numbers are: not pictures and pages."""
    kept = [file for file in made if file.parts[0] != "reports"]
    whole = sorted(file for path in kept for file in ([path] if path.is_file() else path.rglob("*.npz")))
    return hashlib.sha256("".join(f"{file} {sha256(file)}\n" for file in whole).encode()).hexdigest()


def _lock() -> str:
    """Return SHA-256 of what dvc.lock says of every stage but this one, which is not in it yet."""
    stages = YAML(typ="safe", pure=True).load(LOCK.read_text(encoding="utf-8"))["stages"]
    return hashlib.sha256(json.dumps({**stages, "track": None}, sort_keys=True).encode()).hexdigest()


stage(main)
