"""Add a study's tables and answer to the spool, and have the sender deliver them."""

import sys
from pathlib import Path

from charloom.core.base.errors import CharloomError
from charloom.core.base.storage import append
from charloom.core.base.words import in_line
from charloom.core.runtime.provenance import sender_identity
from charloom.core.training.record import RECORD, spool
from charloom.results.study_table import QUESTION_FILE, TRIALS_FILE
from charloom.study.study_file import Study
from charloom.tracking import tag
from charloom.tracking.delivery import deliver
from charloom.tracking.entries import Content, put_files
from charloom.tracking.spool import SHOWN_FILES, StudyContents
from seedpairs.data_types import VERDICTS, Analysis
from seedpairs.formats import as_markdown
from seedpairs.sentences import by_verdict, effects_by_verdict, told


def study_contents(study: Study, analysis: Analysis) -> StudyContents:
    """Return the study's record for the spool, with its verdicts as tags and its answer as the description."""
    names = effects_by_verdict(analysis) if analysis.effects else by_verdict(analysis, analysis.comparisons)
    counts = [str(len(names.get(verdict, ()))) for verdict in VERDICTS]
    return StudyContents(
        name=str(study.path), question=study.question_key, text_sha256=study.frozen.sha256, trials=len(study.trained()),
        tags=dict(zip(tag.COUNTS, counts, strict=True)) | {tag.VERDICT: in_line(told(analysis))},
        description=as_markdown(analysis),
    )  # fmt: skip


def put_study(contents: StudyContents, pages: dict[str, str]) -> Path:
    """Add the study and its files to the spool; return the entry's folder.

    pages  by file name: the study's page without links, and the comparison as SVG. MLflow's page shows an SVG, but not
           a PNG, at its drawn width

    Raises OSError or Unavailable if the spool cannot be written, and FileNotFoundError if the sender removes the
    study's earlier entry at this moment.
    """
    entry, path = spool() / f"study-{contents.question}", Path(contents.name)
    is_new = not (entry / RECORD).exists()
    entry.mkdir(parents=True, exist_ok=True)
    tables = (path.with_suffix("") / name for name in (QUESTION_FILE, TRIALS_FILE, "curves.csv", "passages.csv"))
    shown: dict[str, Content] = {file.name: file for file in (path, *filter(Path.exists, tables))}
    shown |= pages
    put_files(entry, {f"{SHOWN_FILES}/{name}": content for name, content in shown.items()})
    append(entry / RECORD, [contents.model_dump(mode="json"), {"sender": sender_identity()}], create=is_new)
    return entry


def send_study(study: Study, analysis: Analysis, pages: dict[str, str]) -> None:
    """Add the study to the spool, and have the sender deliver it. If this fails, print a warning; raise no exception.

    pages  as `put_study` takes them
    """
    try:
        deliver(lambda: [put_study(study_contents(study, analysis), pages)])
    except (CharloomError, OSError) as error:
        hint = f"`charloom study {in_line(str(study.path))}` retries"
        sys.stderr.write(f"warning: the study was not sent to MLflow ({in_line(str(error))}); {hint}\n")
