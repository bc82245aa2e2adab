"""`charloom study new`: write a study's file from options, and estimate how long its trainings take."""

import argparse
from contextlib import suppress
from pathlib import Path
from typing import Any

from charloom.base.errors import WrongInput
from charloom.base.processors import processors
from charloom.base.progress import duration
from charloom.base.storage import write
from charloom.base.terminal import in_line, typed
from charloom.base.yaml_text import NO_YAML, as_yaml_text, plain
from charloom.sampling.options import allowed
from charloom.settings.params import flat_of, read_params
from charloom.settings.pipeline import is_inside
from charloom.study.asking import asked_now
from charloom.study.conduct import seconds, surveyed
from charloom.study.measuring import before_it_starts
from charloom.study.study_file import CHECKPOINT_EVERY, read_question
from paired.numbers import number_of

UPDATES, SHORT = "train.updates", 10_000  # --short takes seconds; its answer does not hold for the whole training
LEAST = 0.01  # bits per character: smaller than the differences between seeds
POINTS = 10  # of a short study's held-out curve, after the first
SEEDS = {False: 5, True: 3}  # by --short
HEAD = """\
# Other params are those of params.yaml at the study's first start. docs/studies.md describes the keys.
# smallest_difference: a smaller difference does not matter in practice. Choose your own value.
"""
VARY = "NAME=VALUE,VALUE"


def new_study(arguments: argparse.Namespace) -> None:
    """Write the study's file; print the number of trainings, their estimated time, and the next command.

    The estimate runs the first updates of a training. Raises WrongInput if the file or its folder exists, or an option
    is invalid, and Unavailable if the memory is too small.
    """
    path = Path(arguments.file)
    if path.exists() or path.with_suffix("").exists():
        raise WrongInput(f"{path}: this file or its folder exists already; choose another name")
    text = arguments.text
    if text is not None and (Path(text).is_absolute() or not is_inside(Path(text)) or not Path(text).is_file()):
        shown = in_line(text) or "''"
        raise WrongInput(f"--text: {shown}: allowed is the relative path of a file in this folder")
    usual, vary = flat_of(read_params()), _varied(arguments.vary)
    # The baseline has the value of params.yaml if that is one of the values, else the first value.
    baseline = {name: usual[name] if usual.get(name, ...) in values else values[0] for name, values in vary.items()}
    if arguments.short:
        if UPDATES in vary:
            raise WrongInput(f"--short: cannot be combined with --vary {UPDATES}: both set a training's length")
        updates = min(SHORT, usual[UPDATES])
        short = {UPDATES: updates, CHECKPOINT_EVERY: max(1, updates // POINTS)}
        vary, baseline = vary | {name: [value] for name, value in short.items()}, baseline | short
    seeds = allowed("seeds", SEEDS[arguments.short] if arguments.seeds is None else arguments.seeds, "--seeds")
    asked: dict[str, Any] = {} if arguments.title is None else {"title": arguments.title}
    asked |= {"text": text} if text else {}
    asked |= {"vary": vary, "baseline": baseline, "seeds": seeds}
    asked |= {"measure": "held_out_bits_per_character", "smallest_difference": LEAST}
    study = asked_now(path, read_question(path, asked))
    trials = [trial.params for setting in study.trials().values() for trial in setting]
    jobs = processors()
    text, lengths = surveyed(study, 1)  # checks the memory for one job; `charloom study --jobs` checks for more
    duration_seconds = seconds(trials, len(text.vocabulary), lengths, jobs)
    warnings = before_it_starts(study)
    write(path, f"{HEAD}{as_yaml_text(asked)}")
    count = f"{len(study.settings)} settings, {number_of(seeds, 'seed')}: {len(trials):,} trainings"
    print(f"made {in_line(str(path))}: {count}")
    print(f"about {duration(duration_seconds)} on {number_of(jobs, 'processor')}, estimated from the first updates")
    print("".join(f"{line}\n" for line in warnings) + f"next: charloom study {typed(str(path))}")


def _varied(given: list[str]) -> dict[str, list[Any]]:
    """Return the params' names with their values, from options of the form VARY: eta=0.05,0.1.

    Raises WrongInput if an option does not have this form or repeats a name.
    """
    vary: dict[str, list[Any]] = {}
    for option in given:
        name, equals, listed = option.partition("=")
        values: list[Any] = []
        with suppress(*NO_YAML):
            values = [plain(value) for value in listed.split(",")]
        if not (name and equals and values) or name in vary:
            raise WrongInput(
                f"--vary: {in_line(option)} is not allowed; allowed is {VARY} (eta=0.05,0.1), with each name only once"
            )
        vary[name] = values
    return vary
