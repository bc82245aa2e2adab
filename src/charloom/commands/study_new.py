"""`charloom study new`: write a study's file from options, and estimate how long its trainings take."""

import argparse
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from charloom.core.base.errors import WrongInput
from charloom.core.base.processors import processors
from charloom.core.base.progress import duration
from charloom.core.base.storage import write
from charloom.core.base.terminal import for_shell
from charloom.core.base.words import in_line, number_of
from charloom.core.base.yaml12 import NO_YAML, as_yaml_text, scalar_value
from charloom.core.config.params import VARIED, as_yaml, flat_of
from charloom.core.config.pipeline import is_inside
from charloom.core.config.reading import read_params
from charloom.core.config.records import DEFAULT_MEASURE
from charloom.sampling.options import allowed
from charloom.study.conduct import seconds, surveyed
from charloom.study.freeze import ensure_new_question, freeze_question
from charloom.study.measuring import before_it_starts
from charloom.study.seeds import STUDIES, free_seeds, seed_range, why_used, with_seeds
from charloom.study.study_file import CHECKPOINT_EVERY, Study, ensure_points, read_question

UPDATES, SHORT = "train.updates", 10_000  # --short takes seconds; its answer does not hold for the whole training
SEEDS, SHORT_SEEDS = 5, 3
SMALLEST_DIFFERENCE = 0.01  # proposed for every measure
POINTS = 10  # of a short study's held-out curve, after the first
HEAD = """\
# Other params are those of params.yaml at the study's first start. docs/studies.md describes the keys.
# smallest_difference: a smaller difference does not matter in practice. Choose your own value.
"""
VARY = "NAME=VALUE,VALUE"


def new_study(arguments: argparse.Namespace) -> None:
    """Write the study's file; print the number of trainings, their estimated time, and the next command.

    The estimate runs the first updates of a training. Raises WrongInput if the file or its folder exists, the file is
    not in studies/, or an option is invalid, and Unavailable if the memory is too small.
    """
    path = Path(arguments.file)
    _ensure_new(path)
    seeds_option = None if arguments.seeds is None else allowed("seeds", arguments.seeds, "--seeds")
    content = _question_from_options(arguments, seeds_option)
    study, why = _with_free_seeds(freeze_question(path, read_question(path, content)), seeds_option)
    ensure_new_question(study)
    seeds = study.question.seeds
    content["seeds"] = len(seeds) if seeds == [*range(1, len(seeds) + 1)] else seeds
    lines = [*_estimate(study), *before_it_starts(study), f"next: charloom study {for_shell(str(path))}"]
    write(path, f"{HEAD}{as_yaml_text(content)}")
    trainings = len(study.settings) * len(seeds)
    count = f"{len(study.settings)} settings, {number_of(len(seeds), 'seed')}: {trainings:,} trainings"
    print(f"made {in_line(str(path))}: {count}{why}", *lines, sep="\n")


def _ensure_new(path: Path) -> None:
    """Raise WrongInput if the file or its folder exists, or the file is not in studies/."""
    if path.parent.resolve() != STUDIES.resolve():
        raise WrongInput(f"{in_line(str(path))}: allowed is a file in {STUDIES}/, such as {STUDIES}/mine.yaml")
    if path.exists() or path.with_suffix("").exists():
        raise WrongInput(f"{path}: this file or its folder exists already; choose another name")


def _estimate(study: Study) -> Iterator[str]:
    """Yield lines on the smallest difference and on the time of all trainings.

    Raises WrongInput or Unavailable as `surveyed` does for one job; `charloom study --jobs` checks the memory for more.
    """
    if least := study.question.smallest_difference:
        yield f"a difference below {least:g} does not matter: the file sets smallest_difference"
    jobs, (text, lengths) = processors(), surveyed(study, 1)
    trials = [trial.params for trial in chain(*study.trials().values())]
    took = seconds(trials, len(text.vocabulary), lengths, jobs)
    yield f"about {duration(took)} on {number_of(jobs, 'processor')}, estimated from the first updates"


def _question_from_options(arguments: argparse.Namespace, seeds_option: int | list[int] | None) -> dict[str, Any]:
    """Return the content of the study's file, from the options. Raises WrongInput if an option is invalid.

    seeds_option  the number of seeds, or the seeds themselves; None: SEEDS, or SHORT_SEEDS with --short
    """
    text = arguments.text
    if text is not None:
        inside = not Path(text).is_absolute() and is_inside(Path(text))
        if not inside or not Path(text).is_file():
            missing = "no such file; " if inside and not Path(text).exists() else ""
            shown = in_line(text) or "''"
            raise WrongInput(f"--text: {shown}: {missing}allowed is the relative path of a file in this folder")
    if not arguments.vary:
        raise WrongInput(f"--vary: missing; {VARY} names a param and its values, such as eta=0.05,0.1")
    usual, vary = flat_of(read_params()), _varied(arguments.vary)
    for name, values in vary.items():
        if name in VARIED and max(map(len, vary.values())) == 1:
            other = "VALUE" if values == [usual[name]] else as_yaml(usual[name])
            why = f"{name}={as_yaml(values[0])} is one value, and a comparison needs two"
            raise WrongInput(f"--vary: {why}: `--vary {name}={other},{as_yaml(values[0])}`")
    # The baseline has the value of params.yaml if that is one of the values, else the first value.
    baseline = {name: usual[name] if usual.get(name, ...) in values else values[0] for name, values in vary.items()}
    if arguments.short:
        if UPDATES in vary:
            raise WrongInput(f"--short: cannot be combined with --vary {UPDATES}: both set a training's length")
        updates = min(SHORT, usual[UPDATES])
        short = {UPDATES: updates, CHECKPOINT_EVERY: max(1, updates // POINTS)}
        vary, baseline = vary | {name: [value] for name, value in short.items()}, baseline | short
    measure = DEFAULT_MEASURE if arguments.measure is None else arguments.measure
    seeds = seeds_option or (SHORT_SEEDS if arguments.short else SEEDS)
    file_content = {"title": arguments.title, "text": text, "vary": vary, "baseline": baseline, "seeds": seeds}
    file_content |= {"measure": measure, "smallest_difference": SMALLEST_DIFFERENCE}
    return {key: value for key, value in file_content.items() if value is not None}


def _with_free_seeds(study: Study, seeds_option: int | list[int] | None) -> tuple[Study, str]:
    """Return the study with free seeds in place of its seeds, and a line on the choice. Given seeds stay."""
    number = len(study.question.seeds)
    if isinstance(seeds_option, list):
        if why := why_used(study):
            raise WrongInput(f"--seeds: {why}; `--seeds {number}` takes free seeds")
        return study, ""
    seeds, why = free_seeds(study)
    return with_seeds(study, seeds), f"\n{seed_range(seeds)} are free: {why}" if why else ""


def _varied(options: list[str]) -> dict[str, list[Any]]:
    """Return the params' names with their values, from options of the form VARY: eta=0.05,0.1.

    Raises WrongInput if an option does not have this form or repeats a name.
    """
    vary: dict[str, list[Any]] = {}
    for option in options:
        name, equals, listed = option.partition("=")
        values: list[Any] = []
        with suppress(*NO_YAML):
            values = [scalar_value(value) for value in listed.split(",")]
        ensure_points(listed, f"--vary: {in_line(option)}")
        if not (name and equals and values) or name in vary:
            form = f"{VARY} (eta=0.05,0.1), with each name only once"
            raise WrongInput(f"--vary: {in_line(option)} is not allowed; allowed is {form}")
        vary[name] = values
    return vary
