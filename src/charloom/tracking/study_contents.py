"""What a study says in MLflow, taken from its tables, and sent by a process of its own: no store can hold it up."""

import hashlib
import json
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from charloom.base.errors import CharloomError
from charloom.base.storage import sha256, write, write_json
from charloom.base.terminal import in_line
from charloom.results.identity import experiment_key, naming_params, run_name
from charloom.results.records import Record, TrainMetrics
from charloom.settings.params import Params
from charloom.settings.pipeline import OWN
from charloom.study.asking import ASKED
from charloom.study.formats import as_markdown
from charloom.study.study_file import Study
from charloom.study.trial import trials_there
from charloom.tracking.address import address, database
from charloom.tracking.apart import apart
from charloom.tracking.contents import Series, with_ends
from paired.data_types import Answer
from paired.sentences import told

STUDY_MAY_TAKE = 120  # seconds
VERDICT_ROOM = 5000  # characters of a tag: MLflow takes 8,000
PAGE = "report.html"  # in the study's folder
NO_CURVE = ("best_smooth_loss", "first_update_below_target")  # metrics that are no points of a curve


class StudyTrial(Record):
    """A trial.

    key         of its row
    key_0_1     that it had in charloom 0.1, by which a store may know it
    name        what varies, short, and its seed
    experiment  the experiment key of its params and text, as the pipeline's run has it
    params      all of them
    outcome     as the table says it
    results     the hash of the results; empty where it diverged
    series      its metrics and curves
    """

    key: str
    key_0_1: str
    name: str
    experiment: str
    params: Params
    outcome: str
    results: str
    series: Series


class StudyContents(Record):
    """A study.

    name         its file
    question     which study it is: see `Study.named`
    text_sha256  of the text
    verdict      the answer in a line
    description  Markdown: what it says, the verdict first
    picture      SVG, which the page shows as wide as it was drawn; of a PNG it would show each pixel
    files        the question, the tables and the study's page
    trials       all that have ended
    """

    name: str
    question: str
    text_sha256: str
    verdict: str
    description: str
    picture: str
    files: list[str]
    trials: list[StudyTrial]


def study_contents(study: Study, answer: Answer, picture: str) -> StudyContents:
    """Return what the study's runs say."""
    trials = []
    for trial in (trial for each in trials_there(study, study.runs).values() for trial in each):
        run, named = study.runs[trial.key], naming_params(trial.params)
        trials.append(
            StudyTrial(
                key=trial.key,
                key_0_1=study.asked.key_0_1(trial.params),
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


def send_apart(contents: StudyContents) -> str:
    """Have the study sent to MLflow; where that fails, say so in a line. Nothing is raised.

    What this store has got from here is not sent again; the line that says so is returned, too.
    """
    note = OWN / "studies" / f"{Path(contents.name).stem}.sent"
    try:
        if note.is_file() and note.read_bytes() == _sent(contents).encode():
            has_it = f"MLflow has got this study from here; `rm {note}` has it sent again\n"
            sys.stdout.write(has_it)
            sys.stdout.flush()
            return has_it
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "study.json"
            write_json(file, contents.model_dump(mode="json"))
            apart("studies.send", str(file), seconds=STUDY_MAY_TAKE)
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
