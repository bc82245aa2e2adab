"""`charloom study`: what a study's file asks is trained and answered, and rows of its table are proved."""

import argparse
import shutil
import sys
from pathlib import Path

from charloom.base.errors import WrongInput
from charloom.base.processors import processors
from charloom.sampling.options import allowed
from charloom.study.kept_answer import KeptAnswer


def run_study(arguments: argparse.Namespace) -> None:
    """Train what is missing, print the answer and send it to MLflow; with --prove, make rows again."""
    if arguments.prove is not None:
        for name in ("anew", "jobs", "dask"):
            if getattr(arguments, name):
                raise WrongInput(f"--{name}: not beside --prove, which trains rows again by the pipeline")
    jobs = allowed("jobs", processors() if arguments.jobs is None else arguments.jobs, "--jobs")
    path = Path(arguments.file)
    plain = path.suffix and not arguments.anew and arguments.prove is None and arguments.dask is None
    columns = shutil.get_terminal_size().columns
    kept = KeptAnswer(path, columns, arguments.explain) if plain else None
    if kept and (last := kept.again()):
        said, warned = last
        sys.stderr.write(warned)
        sys.stdout.write(said)
        return
    from charloom.commands.study_anew import answer_study  # noqa: PLC0415  seconds that a kept answer need not wait

    said, warned = answer_study(arguments, jobs, columns)
    if kept and said:
        kept.keep(said, warned)
