"""`charloom compare`: what is better than what, by how much, and how sure that is."""

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from charloom.base.errors import CheckFailed, Undecided, WrongInput
from charloom.base.storage import write
from charloom.base.terminal import in_line
from charloom.sampling.options import allowed
from charloom.study.formats import as_json, as_markdown, as_text
from charloom.study.from_experiments import MEASURES, experiments_measured
from charloom.study.from_table import table_measured
from paired import answered
from paired.data_types import CANNOT_TELL, Answer, Measured
from paired.gate import STOPPED, Gate, gate

COLUMNS = ("setting", "seed", "measure")  # of a table
SOURCES = ("source", "table", "mlflow")  # one of these, or none
NAMED = 3  # settings in a line; of more their number is said
ASKED = (*COLUMNS, "at", "baseline", "better", "looks", "smallest_difference")  # a study's file says these itself


def compare(arguments: argparse.Namespace) -> None:
    """Print the answer, and draw it where a figure is asked for. Raises CheckFailed or Undecided at a gate."""
    figure = None if arguments.figure is None else Path(arguments.figure)
    if figure and figure.suffix != ".svg":
        raise WrongInput(f"--figure: {in_line(arguments.figure)} is not allowed: a file that ends in .svg")
    measured = _measured(arguments)
    answer = answered(measured)
    if arguments.require and not answer.comparisons:
        raise WrongInput(
            f"--require: nothing but the baseline {in_line(answer.baseline)}; two settings make a comparison"
        )
    required = gate(measured, answer, arguments.require) if arguments.require else None
    if figure:
        from charloom.pages.study.compared import Compared  # noqa: PLC0415  matplotlib takes a second to import
        from charloom.pages.study.study_page import comparison_picture  # noqa: PLC0415  it imports matplotlib too

        write(figure, comparison_picture(Compared(measured, answer)))
    sys.stdout.write(_said(answer, arguments.format, explain=arguments.explain, required=required))
    if required:
        _ensure_passed(required)


def _said(answer: Answer, form: str | None, *, explain: bool, required: Gate | None) -> str:
    if form == "json":
        return as_json(answer, required)  # all of it, in any case
    if form == "markdown":
        return as_markdown(answer, explain=explain, required=required)
    return as_text(answer, shutil.get_terminal_size().columns, explain=explain, required=required)


def _ensure_passed(required: Gate) -> None:
    """Raise CheckFailed or Undecided unless every setting passes, with the names of those that do not."""
    names = [each.setting for each in required.settings if each.result == required.result]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    settings = f"{', '.join(map(in_line, names[:NAMED]))}{more}"
    if required.result == STOPPED:
        raise CheckFailed(f"--require {required.requirement}: not so: {settings}")
    if required.result == CANNOT_TELL:
        raise Undecided(f"--require {required.requirement}: {CANNOT_TELL}: {settings}")


def _measured(arguments: argparse.Namespace) -> Measured:
    """Return what was measured, in a study, a table, an MLflow experiment, or the experiments of this repository."""
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    sources = [name for name in SOURCES if name in given]
    if len(sources) > 1:
        raise WrongInput(f"{_option(sources[1])}: not beside {in_line(given[sources[0]])}: one of them is allowed")
    if "source" in given:
        for name in (name for name in ASKED if name in given):
            raise WrongInput(f"{_option(name)}: not beside {in_line(arguments.source)}: the study's file says it")
        return _of_study(arguments.source)
    if "at" in given and "mlflow" not in given:
        raise WrongInput("--at: of an MLflow metric, so only with --mlflow EXPERIMENT")
    options: dict[str, Any] = {name: given[name] for name in ("measure", "baseline", "better") if name in given}
    options |= {
        name: allowed(name, given[name], _option(name)) for name in ("looks", "smallest_difference") if name in given
    }
    if "mlflow" in given:
        return _of_mlflow(given, options)
    options = {"better": "lower"} | options
    if "table" in given:
        return _of_table(given, options)
    for name in (name for name in ("setting", "seed") if name in given):
        raise WrongInput(f"--{name}: a column, so only with --table FILE")
    return experiments_measured(curves="figure" in given or arguments.format == "json", **options)


def _of_table(given: dict[str, Any], options: dict[str, Any]) -> Measured:
    for name in (name for name in COLUMNS if name not in given):
        raise WrongInput(f"--table: needs --{name} COLUMN, too")
    if "better" not in given and given["measure"] not in MEASURES:
        raise WrongInput(
            f"--table: needs --better lower or higher, too: nobody else knows it of {in_line(given['measure'])}"
        )
    return table_measured(Path(given["table"]), setting=_names(given["setting"]), seed=given["seed"], **options)


def _names(given: str) -> list[str]:
    return [name.strip() for name in given.split(",")]


def _of_mlflow(given: dict[str, Any], options: dict[str, Any]) -> Measured:
    """Return what the runs of an MLflow experiment measured."""
    from charloom.tracking.any_runs import runs_measured  # noqa: PLC0415  MLflow takes a second to import

    for name, what in (("seed", "PARAM"), ("measure", "METRIC"), ("better", "lower or higher")):
        if name not in given:
            raise WrongInput(f"--mlflow: needs --{name} {what}, too")
    setting = _names(given["setting"]) if "setting" in given else ()
    at = given.get("at", "last")
    when = at if at in {"last", "lowest", "highest"} else allowed("at", at, "--at")
    return runs_measured(given["mlflow"], seed=given["seed"], at=when, setting=setting, **options)


def _of_study(source: str) -> Measured:
    """Return what a study measured, named by its file or its folder. Raises WrongInput where it is neither."""
    from charloom.study.asking import differs_here, read_study  # noqa: PLC0415  imports the compiler
    from charloom.study.measuring import measured  # noqa: PLC0415  it imports the compiler

    path = Path(source)
    if path.suffix == ".csv":
        raise WrongInput(f"{in_line(source)}: no study; --table FILE --setting COLUMN --seed COLUMN --measure COLUMN")
    study = read_study(path if path.suffix in {".yaml", ".yml"} else path.parent / f"{path.name}.yaml")
    if differs := differs_here(study):
        sys.stderr.write(f"{differs}\n")
    found = measured(study)
    if not any(found.settings.values()):
        raise WrongInput(f"{study.folder}/trials.csv: no trials yet; `charloom study {study.path}` trains them")
    return found


def _option(name: str) -> str:
    """Return how a command line has it."""
    return f"--{name.replace('_', '-')}"
