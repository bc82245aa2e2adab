"""A study's tables and answer, put into the spool and delivered."""

import hashlib
import json
import re
import sys
from contextlib import suppress
from pathlib import Path
from shutil import copy

from charloom.base.errors import CharloomError
from charloom.base.storage import sha256, write, write_json
from charloom.base.terminal import in_line
from charloom.results.identity import experiment_key, naming_params, run_name
from charloom.results.records import TrainMetrics
from charloom.results.spool import identity, spool
from charloom.settings.pipeline import OWN
from charloom.study.asking import ASKED
from charloom.study.formats import as_markdown
from charloom.study.study_file import Study
from charloom.study.trial import trials_there
from charloom.tracking.address import address, database
from charloom.tracking.delivery import begin, deliver
from charloom.tracking.ends import Series, with_ends
from charloom.tracking.entries import STUDY
from charloom.tracking.study_contents import CONTENTS, PAGE, PICTURE, StudyContents, StudyTrial
from charloom.tracking.whole import filled
from paired.data_types import Answer
from paired.sentences import told

STUDY_MAY_TAKE = 120  # seconds
VERDICT_ROOM = 5000  # characters of a tag: MLflow takes 8,000
LINK_ABOVE = re.compile(r'<a href="\.\./[^"]*">[^<]*</a>')  # of the page: in MLflow nothing lies above it
NO_CURVE = ("best_smooth_loss", "first_update_below_target")  # metrics that are no points of a curve


def study_contents(study: Study, answer: Answer, picture: str) -> StudyContents:
    """Return what the study's runs say."""
    trials = []
    for trial in (trial for each in trials_there(study, study.runs).values() for trial in each):
        run, named = study.runs[trial.key], naming_params(trial.params)
        trials.append(
            StudyTrial(
                key=trial.key,
                name=run_name(trial.params, {name: x for name, x in named.items() if name not in study.varied}),
                experiment=experiment_key(trial.params, study.asked.sha256),
                params=trial.params,
                outcome=run.outcome,
                results=run.results,
                series=with_ends(run.curves, run.metrics) | _single(run.metrics) if run.metrics else run.curves,
            )
        )
    files = (study.path, *(study.folder / name for name in (ASKED, "trials.csv", "curves.csv", PAGE)))
    return StudyContents(
        name=str(study.path), question=study.named, text_sha256=study.asked.sha256,
        verdict=in_line(told(answer))[:VERDICT_ROOM], description=as_markdown(answer), picture=picture,
        files=[str(file.absolute()) for file in files], trials=trials,
    )  # fmt: skip


def _single(train: TrainMetrics) -> Series:
    """Return the metrics that end no curve, as points."""
    return {name: {train.updates: float(x)} for name in NO_CURVE if (x := getattr(train, name)) is not None}


def put_study(contents: StudyContents) -> Path:
    """Put the study and its files into the spool, and return its folder. Raises Unavailable if that fails."""
    entry = spool() / f"{STUDY}{contents.question}-{identity()}"
    with filled(entry) as folder:
        for name in contents.files:
            copy(name, folder)
        page = (folder / PAGE).read_text(encoding="utf-8")
        write(folder / PAGE, LINK_ABOVE.sub("", page))
        write(folder / PICTURE, contents.picture)
        write_json(folder / CONTENTS, contents.model_dump(mode="json"))
    return entry


def send_study(contents: StudyContents) -> str:
    """Have the study delivered; warn in a line if that fails. Nothing is raised.

    What this store has got from here is not sent again; the line that says so is returned, too.
    """
    note = OWN / "studies" / f"{Path(contents.name).stem}.sent"
    try:
        if note.is_file() and note.read_bytes() == _sent(contents).encode():
            has_it = f"MLflow has got this study from here; `rm {note}` has it sent again\n"
            sys.stdout.write(has_it)
            sys.stdout.flush()
            return has_it
        since = begin()
        deliver([put_study(contents)], STUDY_MAY_TAKE, since)
    except (CharloomError, OSError) as error:
        again = f"`charloom study {in_line(contents.name)}` sends it again"
        sys.stderr.write(f"warning: MLflow has not got the study ({in_line(str(error))}); {again}\n")
        return ""
    with suppress(CharloomError, OSError):  # without the note it is sent again
        write(note, _sent(contents))
    return ""


def _sent(contents: StudyContents) -> str:
    """Return a digest of all that is sent and of where to: another database under the old name is another store."""
    store = database()
    place = [address(), store.stat().st_ino if store and store.exists() else None]
    said = [contents.model_dump(mode="json"), *(sha256(Path(file)) for file in contents.files), place]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
