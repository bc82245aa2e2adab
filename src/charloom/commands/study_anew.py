"""`charloom study` without a stored answer: conduct the study, print the answer, write its page, send it to MLflow."""

import argparse
import sys
from pathlib import Path

from charloom.base.storage import write
from charloom.pages.study.compared import Compared
from charloom.pages.study.studies_index import INDEX, studies_index
from charloom.pages.study.study_page import study_page
from charloom.proof.rows import prove
from charloom.sampling.options import allowed
from charloom.study.asking import differs_here, read_study
from charloom.study.cluster import ensure_address
from charloom.study.conduct import conduct
from charloom.study.formats import as_text
from charloom.study.measuring import with_new_seeds
from charloom.tracking.study_contents import PAGE
from charloom.tracking.study_delivery import send_study, study_contents
from paired.data_types import CANNOT_TELL


def answer_study(arguments: argparse.Namespace, jobs: int, columns: int) -> tuple[str, str]:
    """Run the study's missing trainings, print the answer, write its page, and send the answer to MLflow.

    With --prove, only rebuild rows of the study's table, and return two empty texts.

    jobs     number of trials that run at the same time
    columns  width of the answer in characters

    Return the output and the warnings, to be stored, if MLflow has received the answer. Otherwise return two empty
    texts, so that the next call sends the answer again.
    """
    study = read_study(Path(arguments.file), anew=arguments.anew)
    if warnings := differs_here(study):
        warnings = f"{warnings}\n"
        sys.stderr.write(warnings)
    if arguments.prove is not None:
        prove(study, allowed("prove", arguments.prove, "--prove"))
        return "", ""
    if arguments.dask is not None:
        ensure_address(arguments.dask)
    study, measured, answer = conduct(study, jobs, arguments.dask, anew=arguments.anew)
    text = as_text(answer, columns, explain=arguments.explain)
    if not study.question.looks and any(row.verdict == CANNOT_TELL for row in answer.comparisons):
        text += f"\nMore seeds need a new study, because this study declares no looks: {with_new_seeds(study)}\n"
    sys.stdout.write(text)
    sys.stdout.flush()
    page, picture = study_page(study, Compared(measured, answer))
    write(study.folder / PAGE, page)
    if listed := f" and {INDEX}" * (study.path.parent.resolve() == INDEX.parent.resolve()):
        write(INDEX, studies_index())
    files = f"\nmade {study.folder / PAGE}{listed}\n"
    sys.stdout.write(files)
    sys.stdout.flush()
    receipt = send_study(study_contents(study, answer, picture))
    return (f"{text}{files}{receipt}", warnings) if receipt else ("", "")
