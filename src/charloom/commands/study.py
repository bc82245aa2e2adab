"""`charloom study`: run the trainings of a study and print its answer, or prove rows of its table."""

import argparse
import shutil
import sys
from functools import partial
from pathlib import Path

from charloom.core.base.errors import WrongInput
from charloom.core.base.processors import processors
from charloom.core.base.storage import write
from charloom.core.base.words import in_line
from charloom.core.config.pipeline import HERE
from charloom.proof.rows import reproduce_rows
from charloom.sampling.options import allowed
from charloom.study.conduct import conduct
from charloom.study.freeze import read_study, warn_of_other_params
from charloom.study.measuring import advised
from charloom.study.seeds import free_seeds, with_seeds, yaml_of
from charloom.study.study_file import Study
from charloom.study.workers import ensure_address
from charloom.study_pages.presentation import Presentation
from charloom.study_pages.study_page import INDEX, studies_index, study_page
from charloom.tracking.delivery import deliver
from charloom.tracking.outbox import PAGE, PICTURE
from charloom.tracking.study_entry import put_study
from seedpairs.data_types import Analysis
from seedpairs.formats import as_text


def run_study(arguments: argparse.Namespace) -> None:
    """Run the study's missing trainings, print the answer, write its page, and send the answer to MLflow.

    With --prove, only rebuild rows of the study's table. Raises WrongInput if an option is invalid, or --prove excludes
    it.
    """
    HERE.stages()  # raises WrongInput outside a project's folder
    path = Path(arguments.file)
    if arguments.prove is not None:
        for name in (name for name in ("anew", "reuse_seeds", "jobs", "dask") if getattr(arguments, name)):
            raise WrongInput(
                f"--{name.replace('_', '-')}: cannot be combined with --prove, which rebuilds rows with the pipeline"
            )
        study = read_study(path)
        warn_of_other_params(study)
        reproduce_rows(study, allowed("prove", arguments.prove, "--prove"))
    else:
        jobs = allowed("jobs", processors() if arguments.jobs is None else arguments.jobs, "--jobs")
        if arguments.dask is not None:
            ensure_address(arguments.dask)
        study, analysis = conduct(path, jobs, arguments.dask, anew=arguments.anew, reuse=arguments.reuse_seeds)
        _print_answer(study, analysis, explain=arguments.explain)
        pages = _write_pages(study, analysis)
        deliver(partial(put_study, study, analysis, pages), f"charloom study {in_line(str(study.path))}")


def _print_answer(study: Study, analysis: Analysis, *, explain: bool) -> None:
    """Print the answer, and the seeds of a new study if the answer lacks a verdict."""
    sys.stdout.write(as_text(analysis, shutil.get_terminal_size().columns, explain=explain))
    number, many = advised(study, analysis)
    if number:
        seeds, _ = free_seeds(with_seeds(study, [*range(number)]))
        copy = f"a copy of {in_line(str(study.path))} with {yaml_of(seeds)}"
        print(f"\nThis study declares no looks, so a verdict needs a new study, with {many}: {copy}")
    sys.stdout.flush()


def _write_pages(study: Study, analysis: Analysis) -> dict[str, str]:
    """Write the study's page and the list of all studies; return the page and the picture for MLflow, by file name."""
    page, picture, alone = study_page(study, Presentation(analysis))
    write(study.folder / PAGE, page)
    is_listed = study.path.parent.resolve() == INDEX.parent.resolve()
    if is_listed:
        write(INDEX, studies_index())
    print(f"\nmade {study.folder / PAGE}{f' and {INDEX}' if is_listed else ''}", flush=True)
    return {PAGE: alone, PICTURE: picture}
