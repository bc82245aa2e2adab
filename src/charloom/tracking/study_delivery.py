"""Add a study's tables and answer to the spool, and have the sender deliver them."""

import hashlib
import json
import re
import sys
from contextlib import suppress
from pathlib import Path
from shutil import copy

from charloom.base.errors import CharloomError
from charloom.base.storage import sha256, write
from charloom.base.terminal import in_line
from charloom.results.identity import naming_params, run_name
from charloom.results.records import TrainMetrics
from charloom.results.run import Curve
from charloom.results.spool import SHOWN_FILES, identity, spool
from charloom.settings.pipeline import OWN
from charloom.study.asking import ASKED
from charloom.study.formats import as_markdown
from charloom.study.study_file import Study
from charloom.study.trial import trials_there
from charloom.tracking import tag
from charloom.tracking.address import address, database
from charloom.tracking.collect import add_lines, with_model_points
from charloom.tracking.delivery import deliver, request_delivery
from charloom.tracking.entries import new_files
from charloom.tracking.study_contents import PAGE, PICTURE, StudyContents, StudyTrial
from paired.data_types import VERDICTS, Answer
from paired.sentences import by_verdict, effects_by_verdict, told

SENDING_TIMEOUT = 120  # seconds
PARENT_LINK = re.compile(r'<a href="\.\./[^"]*">[^<]*</a>')  # the page in MLflow has no parent folder
SINGLE_VALUES = ("best_smooth_loss", "first_update_below_target")  # metrics without a curve


def study_contents(study: Study, answer: Answer, picture: str) -> StudyContents:
    """Return the study's record for the spool. `picture` is the comparison as SVG."""
    trials = []
    for trial in trials_there(study):
        run, params = study.runs[trial.key], naming_params(trial.params)
        trials.append(
            StudyTrial(
                key=trial.key,
                name=run_name(trial.params, {name: x for name, x in params.items() if name not in study.varied}),
                params=trial.params,
                outcome=run.outcome,
                results=run.results,
                series=with_model_points(run.curves, run.metrics) | _single(run.metrics) if run.metrics else run.curves,
            )
        )
    paths = [study.path, *(study.folder / name for name in (ASKED, "trials.csv", "curves.csv", "passages.csv", PAGE))]
    names = effects_by_verdict(answer) if answer.effects else by_verdict(answer, answer.comparisons)
    counts = [len(names.get(verdict, ())) for verdict in VERDICTS]
    return StudyContents(
        name=str(study.path), question=study.named, text_sha256=study.asked.sha256, verdict=in_line(told(answer)),
        counts=dict(zip(tag.COUNTS, counts, strict=True)), description=as_markdown(answer), picture=picture,
        files=[str(path.absolute()) for path in paths if path.exists()], trials=trials,
    )  # fmt: skip


def _single(train: TrainMetrics) -> dict[str, Curve]:
    """Return the metrics in SINGLE_VALUES as curves of one point, at the last update, without unknown values."""
    return {name: {train.updates: float(x)} for name in SINGLE_VALUES if (x := getattr(train, name)) is not None}


def put_study(contents: StudyContents) -> Path:
    """Add the study and its files to the spool; return the entry's folder.

    The links of the study's page to pages in its parent folder are removed, because the spool and MLflow have no such
    pages. Raises Unavailable if the spool cannot be written.
    """
    entry = spool() / f"study-{contents.question}"
    with new_files(entry) as new:
        shown = new / SHOWN_FILES
        shown.mkdir()
        for name in contents.files:
            copy(name, shown)
        page = (shown / PAGE).read_text(encoding="utf-8")
        write(shown / PAGE, PARENT_LINK.sub("", page))
        write(shown / PICTURE, contents.picture)
    add_lines(entry, [contents.model_dump(mode="json"), {"sender": identity()}])
    return entry


def send_study(contents: StudyContents) -> None:
    """Add the study to the spool, and have the sender deliver it. If this fails, print a warning; raise no exception.

    If this folder has already sent the same study to this store, send nothing, and print a line that says so.
    """
    note = OWN / "studies" / f"{Path(contents.name).stem}.sent"
    try:
        if note.is_file() and note.read_bytes() == _delivery_digest(contents).encode():
            print(f"MLflow already has this study; to send it again, `rm {note}` and repeat the command", flush=True)
            return
        since = request_delivery()
        deliver([put_study(contents)], SENDING_TIMEOUT, since)
    except (CharloomError, OSError) as error:
        hint = f"`charloom study {in_line(contents.name)}` retries"
        sys.stderr.write(f"warning: the study was not sent to MLflow ({in_line(str(error))}); {hint}\n")
        return
    with suppress(CharloomError, OSError):  # without this file, the study is sent again
        write(note, _delivery_digest(contents))


def _delivery_digest(contents: StudyContents) -> str:
    """Return a digest of the study, its files, and the store's address.

    For a database file, its inode is included, so that a new database under the same name is another store.
    """
    store = database()
    target = [address(), store.stat().st_ino if store and store.exists() else None]
    parts = [contents.model_dump(mode="json"), *(sha256(Path(file)) for file in contents.files), target]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
