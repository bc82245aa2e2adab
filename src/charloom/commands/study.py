"""`charloom study`: what a study's file asks is trained and answered, and rows of its table are proved."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from charloom.proof.rows import prove
from charloom.sampling.options import allowed
from charloom.study.cluster import ensure_address
from charloom.study.conduct import conduct
from charloom.study.report import as_text
from charloom.study.study_file import read_study


def run_study(arguments: argparse.Namespace) -> None:
    """Train what is missing and print the answer; with --prove, make rows again."""
    study = read_study(Path(arguments.file))
    if arguments.prove is not None:
        prove(study, allowed("prove", arguments.prove, "--prove"))
        return
    if arguments.dask is not None:
        ensure_address(arguments.dask)
    _, answer = conduct(study, allowed("jobs", arguments.jobs or os.cpu_count() or 1, "--jobs"), arguments.dask)
    sys.stdout.write(as_text(answer, shutil.get_terminal_size().columns))
