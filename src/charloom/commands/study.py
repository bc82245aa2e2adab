"""`charloom study`: run the trainings of a study and print its answer, or prove rows of its table."""

import argparse
import shutil
import sys
from pathlib import Path

from charloom.base.errors import WrongInput
from charloom.base.processors import processors
from charloom.sampling.options import allowed
from charloom.study.kept_answer import KeptAnswer


def run_study(arguments: argparse.Namespace) -> None:
    """Run the study's missing trainings, print the answer and send it to MLflow; with --prove, rebuild rows instead.

    Each call stores its answer. If no input has changed since, the next call prints the stored answer. A call with
    --anew, --prove or --dask neither uses nor stores an answer. Raises WrongInput if an option is invalid, or if
    --prove excludes it.
    """
    if arguments.prove is not None:
        for name in ("anew", "jobs", "dask"):
            if getattr(arguments, name):
                raise WrongInput(f"--{name}: cannot be combined with --prove, which rebuilds rows with the pipeline")
    jobs = allowed("jobs", processors() if arguments.jobs is None else arguments.jobs, "--jobs")
    path = Path(arguments.file)
    plain = path.suffix and not arguments.anew and arguments.prove is None and arguments.dask is None
    columns = shutil.get_terminal_size().columns
    stored = KeptAnswer(path, columns, arguments.explain) if plain else None
    if stored and (last := stored.again()):
        output, warnings = last
        sys.stderr.write(warnings)
        sys.stdout.write(output)
        return
    from charloom.commands.study_anew import answer_study  # noqa: PLC0415  takes seconds; a stored answer needs none

    output, warnings = answer_study(arguments, jobs, columns)
    if stored and output:
        stored.keep(output, warnings)
