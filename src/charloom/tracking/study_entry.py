"""Add a study's tables and answer to the outbox."""

import time
from pathlib import Path

from charloom.core.base.words import in_line
from charloom.results.study_table import QUESTION_FILE, TRIALS_FILE
from charloom.study.study_file import Study
from charloom.tracking import tag
from charloom.tracking.outbox import ARTIFACTS, Content, Manifest, put
from seedpairs.data_types import VERDICTS, Analysis
from seedpairs.formats import as_markdown
from seedpairs.sentences import by_verdict, effects_by_verdict, told


def put_study(study: Study, analysis: Analysis, pages: dict[str, str]) -> Path:
    """Add the study to the outbox, with its verdicts as tags and its answer as the description; return the entry.

    pages  by file name: the study's page without links, and the comparison as SVG. MLflow's page shows an SVG, but not
           a PNG, at its drawn width

    Raises OSError or Unavailable if the entry cannot be written.
    """
    names = effects_by_verdict(analysis) if analysis.effects else by_verdict(analysis, analysis.comparisons)
    tags = {count: str(len(names.get(verdict, ()))) for count, verdict in zip(tag.COUNTS, VERDICTS, strict=True)}
    tags |= {
        tag.STUDY: in_line(str(study.path)), tag.TEXT: study.frozen.sha256, tag.QUESTION: study.question_key,
        tag.VERDICT: in_line(told(analysis)), tag.TRIALS: str(len(study.trained())),
    }  # fmt: skip
    now, key = time.time(), f"{study.question_key}-{study.frozen.sha256[:16]}"
    manifest = Manifest(
        id=key, trained=False, experiment=tag.ALL_STUDIES, source=str(study.path), name=study.path.stem, tags=tags,
        description=as_markdown(analysis), started=now, ended=now, params={}, points=[],
        dataset={}, models={}, better={},
    )  # fmt: skip
    tables = (study.folder / name for name in (QUESTION_FILE, TRIALS_FILE, "curves.csv", "passages.csv"))
    shown: dict[str, Content] = {file.name: file for file in (study.path, *filter(Path.exists, tables))}
    files = {f"{ARTIFACTS}/{name}": content for name, content in (shown | pages).items()}
    return put(manifest, files)
