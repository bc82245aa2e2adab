"""`charloom compare`: compare settings with a baseline, and print how large and how sure each difference is."""

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from charloom.core.base.errors import CheckFailed, Undecided, WrongInput
from charloom.core.base.storage import write
from charloom.core.base.words import in_line, listed
from charloom.core.config.pipeline import HERE
from charloom.core.config.records import DEFAULT_MEASURE
from charloom.sampling.options import allowed
from dvc_proof.temporary import temporary_folder
from seedpairs import answered, words
from seedpairs.analysis import with_labels
from seedpairs.data_types import CANNOT_TELL, Measured
from seedpairs.formats import formatted
from seedpairs.gate import STOPPED, Gate, gate

OF_RUNS = ("page", "seeds")  # the options of two runs
MOST_SEEDS = 40  # fewer than two_runs.seeds.CANDIDATES
NAMED_SETTINGS = 3  # settings named in a line; further settings are counted
DECLARED = ("measure", "baseline", "better", "looks", "smallest_difference")  # not allowed with a study


def compare(arguments: argparse.Namespace) -> None:
    """Print the comparison's answer; if --figure is given, also write the answer as a picture (SVG).

    If two sources are given, compare two runs: see `_compare_runs`. Raises WrongInput if an option is invalid, or not
    allowed with a study. With --require, raises CheckFailed if a setting fails the requirement, and
    Undecided if no setting fails, but at least one cannot be judged yet.
    """
    if len(arguments.source) > 1:
        _compare_runs(arguments)
        return
    arguments.source = next(iter(arguments.source), None)
    for name in OF_RUNS:
        if getattr(arguments, name) is not None:
            raise WrongInput(f"--{name}: needs two runs: charloom compare A B --{name} …")
    figure = None if arguments.figure is None else Path(arguments.figure)
    if figure and figure.suffix != ".svg":
        raise WrongInput(f"--figure: {in_line(arguments.figure)} is not allowed; allowed is a name that ends in .svg")
    try:
        analysis = answered(_measured(arguments))
    except words.WrongInput as error:
        raise WrongInput(str(error)) from None
    if arguments.format != "json":  # JSON has settings and names apart: names may change
        analysis = with_labels(analysis)
    required = gate(analysis, arguments.require) if arguments.require else None
    if figure:
        from charloom.study_pages.presentation import Presentation  # noqa: PLC0415  matplotlib takes a second to import
        from charloom.study_pages.study_page import comparison_picture  # noqa: PLC0415  it imports matplotlib too

        write(figure, comparison_picture(Presentation(with_labels(analysis))))
    width = shutil.get_terminal_size().columns
    sys.stdout.write(formatted(analysis, arguments.format, width, explain=arguments.explain, required=required))
    if required:
        _ensure_passed(required)


def _compare_runs(arguments: argparse.Namespace) -> None:
    """Print the difference of two runs; if --page is given, also write the page.

    Raises WrongInput if an option is invalid or for studies only, and CheckFailed, after the output, if the two runs
    have different texts or held-out parts.
    """
    given = {name: value for name, value in vars(arguments).items() if value not in (None, False)}
    runs = arguments.source
    if len(runs) > 2:
        raise WrongInput(f"{in_line(runs[2])}: too many runs; allowed are two, or one study")
    for name in given.keys() - {"source", "command", *OF_RUNS}:
        raise WrongInput(f"{_option(name)}: not allowed with two runs, {in_line(runs[0])} and {in_line(runs[1])}")
    page = None if arguments.page is None else Path(arguments.page)
    if page and page.suffix != ".html":
        raise WrongInput(f"--page: {in_line(arguments.page)} is not allowed; allowed is a name that ends in .html")
    if page and not page.parent.is_dir():
        raise WrongInput(f"--page: {in_line(str(page.parent))}: no such folder")
    number = 0 if arguments.seeds is None else allowed("samples", arguments.seeds, "--seeds")
    if number > MOST_SEEDS:
        raise WrongInput(f"--seeds: {number} is not allowed; allowed is a whole number from 1 to {MOST_SEEDS}")
    from charloom.two_runs.comparison import as_text, compare_runs  # noqa: PLC0415  imports the compiler

    with temporary_folder("charloom-compare-") as folder:
        compared = compare_runs(runs, number, folder)
    if page:
        from charloom.two_runs.page import two_runs_page  # noqa: PLC0415  matplotlib takes a second to import

        write(page, two_runs_page(compared))
        sys.stderr.write(f"made {in_line(str(page))}\n")
    width = shutil.get_terminal_size().columns
    sys.stdout.write(as_text(compared, width))
    sys.stdout.flush()
    if compared.unlike:
        raise CheckFailed(f"not comparable: {compared.unlike}")


def _ensure_passed(required: Gate) -> None:
    """Raise CheckFailed if settings fail --require, or Undecided if settings cannot be judged; name the settings."""
    deciding = (in_line(row.setting) for row in required.settings if row.result == required.result)
    settings = listed(deciding, NAMED_SETTINGS)
    if required.result == STOPPED:
        raise CheckFailed(f"--require {required.requirement}: not met by {settings}")
    if required.result == CANNOT_TELL:
        raise Undecided(f"--require {required.requirement}: {CANNOT_TELL}: {settings}")


def _measured(arguments: argparse.Namespace) -> Measured:
    """Return the measurements of a study; by default, of DVC's experiments and HEAD.

    Raises WrongInput if an option is invalid, or not allowed with a study.
    """
    options_set = {name: value for name, value in vars(arguments).items() if value is not None}
    if "source" in options_set:
        for name in (name for name in DECLARED if name in options_set):
            raise WrongInput(f"{_option(name)}: not allowed with {in_line(arguments.source)}: the study's file sets it")
        return _of_study(arguments.source, required=arguments.require is not None)
    options: dict[str, Any] = {name: options_set[name] for name in ("baseline", "better") if name in options_set}
    for name in (name for name in ("looks", "smallest_difference") if name in options_set):
        options[name] = allowed(name, options_set[name], _option(name))
    from charloom.study.from_experiments import measure_experiments  # noqa: PLC0415  imports the compiler

    return measure_experiments(arguments.measure or DEFAULT_MEASURE, **options)


def _of_study(source: str, *, required: bool) -> Measured:
    """Return a study's measurements. `source` is the study's file or folder.

    If params.yaml differs from the study's params, a warning goes to standard error. Raises WrongInput if `source` is
    no study, or the study has no answer yet; Undecided in that case if the comparison is `required`.
    """
    from charloom.study.freeze import read_study, warn_of_other_params  # noqa: PLC0415  imports the compiler
    from charloom.study.measuring import study_measurements  # noqa: PLC0415  imports the compiler

    path = Path(source)
    if path.suffix == ".csv":
        raise WrongInput(f"{in_line(source)}: this file is a table, not a study; `seedpairs` compares a table's rows")
    HERE.stages()  # raises WrongInput outside a project's folder
    file = path if path.suffix in {".yaml", ".yml"} else path.parent / f"{path.name}.yaml"
    if not file.exists():
        two = "two runs are compared by their two names, such as `charloom compare HEAD workspace`"
        raise WrongInput(f"{in_line(str(file))}: No such file or directory; {two}")
    study = read_study(file)
    warn_of_other_params(study)
    if not study.frozen.answers:
        have = f"{len(study.trained())} of {len(study.settings) * len(study.question.seeds)} trials"
        line = f"{in_line(source)}: {have}, and no answer yet; `charloom study {study.path}` trains and answers"
        raise Undecided(line) if required else WrongInput(line)
    return study_measurements(study)


def _option(name: str) -> str:
    """Return an option's name as the user types it: `--smallest-difference` for `smallest_difference`."""
    return f"--{name.replace('_', '-')}"
