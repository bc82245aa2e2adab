"""`charloom study`: what a study's file asks is trained and answered, and rows of its table are proved."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from charloom.base.errors import WrongInput
from charloom.base.storage import write
from charloom.pages.study.compared import Compared
from charloom.pages.study.study_page import study_page
from charloom.proof.rows import prove
from charloom.sampling.options import allowed
from charloom.study.asking import differs_here, read_study
from charloom.study.cluster import ensure_address
from charloom.study.conduct import conduct
from charloom.study.formats import as_markdown, as_text
from charloom.tracking.study_contents import PAGE, send_apart, study_contents


def run_study(arguments: argparse.Namespace) -> None:
    """Train what is missing, print the answer and send it to MLflow; with --prove, make rows again."""
    if arguments.prove is not None:
        for name in ("anew", "jobs", "dask"):
            if getattr(arguments, name):
                raise WrongInput(f"--{name}: not beside --prove, which trains rows again by the pipeline")
    study = read_study(Path(arguments.file), anew=arguments.anew)
    if differs := differs_here(study):
        sys.stderr.write(f"{differs}\n")
    if arguments.prove is not None:
        prove(study, allowed("prove", arguments.prove, "--prove"))
        return
    if arguments.dask is not None:
        ensure_address(arguments.dask)
    jobs = allowed("jobs", (os.cpu_count() or 1) if arguments.jobs is None else arguments.jobs, "--jobs")
    study, measured, answer = conduct(study, jobs, arguments.dask, anew=arguments.anew)
    sys.stdout.write(as_text(answer, shutil.get_terminal_size().columns, explain=arguments.explain))
    sys.stdout.flush()
    page, picture = study_page(study, Compared(measured, answer))
    write(study.folder / PAGE, page)
    print(f"\nmade {study.folder / PAGE}", flush=True)
    send_apart(study_contents(study, as_markdown(answer), picture))
