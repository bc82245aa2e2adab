"""`charloom study new`: a question as a file, from a line; and how long its answer takes here."""

import argparse
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any

from charloom.base.errors import WrongInput
from charloom.base.processors import processors
from charloom.base.progress import duration
from charloom.base.storage import write
from charloom.base.terminal import in_line
from charloom.base.yaml_text import NO_YAML, as_yaml_text, plain
from charloom.sampling.options import allowed
from charloom.settings.params import flat_of, read_params
from charloom.study.asking import asked_now
from charloom.study.conduct import surveyed
from charloom.study.duration import seconds
from charloom.study.measuring import before_it_starts
from charloom.study.study_file import read_question
from charloom.study.trial import trials_of
from paired.numbers import number_of

UPDATES, SHORT = "train.updates", 10_000  # for a class: seconds, and not the answer for the whole training
LEAST = 0.01  # bits per character: what is below it is smaller than what a seed does
HEAD = """\
# What it does not name is as in params.yaml at its first start. docs/studies.md says what may stand here.
# smallest_difference: whatever is smaller matters to nobody. It is yours to say.
"""
VARY = "NAME=VALUE,VALUE"


def new_study(arguments: argparse.Namespace) -> None:
    """Write the question, and say how many trainings it is, how long they take, and what to type next."""
    path = Path(arguments.file)
    if path.exists() or path.with_suffix("").exists():
        raise WrongInput(f"{path}: is there already, or its answer; another name is allowed")
    text = arguments.text
    if text and (Path(text).is_absolute() or ".." in Path(text).parts or not Path(text).is_file()):
        raise WrongInput(f"--text: {in_line(text)} is not allowed: a file inside this folder")
    usual, vary = flat_of(read_params()), _varied(arguments.vary)
    # What is asked is whether to leave what params.yaml has, where that is one of the values.
    baseline = {name: usual[name] if usual.get(name, ...) in values else values[0] for name, values in vary.items()}
    if arguments.short:
        if UPDATES in vary:
            raise WrongInput(f"--short: not beside --vary {UPDATES}, which says how long a training is")
        updates = min(SHORT, usual[UPDATES])
        vary, baseline = vary | {UPDATES: [updates]}, baseline | {UPDATES: updates}
    seeds = allowed("seeds", arguments.seeds or (3 if arguments.short else 5), "--seeds")
    asked: dict[str, Any] = {"text": text} if text else {}
    asked |= {"vary": vary, "baseline": baseline, "seeds": seeds}
    asked |= {"measure": "held_out_bits_per_character", "smallest_difference": LEAST}
    study = asked_now(path, read_question(path, asked))
    trials = [trial.params for each in trials_of(study).values() for trial in each]
    jobs = processors()
    text, lengths = surveyed(study, 1)  # more at a time may need more memory: `charloom study --jobs` says how many
    took = seconds(trials, len(text.vocabulary), lengths, jobs)
    known = before_it_starts(study)
    write(path, f"{HEAD}{as_yaml_text(asked)}")
    print(f"made {in_line(str(path))}: {len(study.settings)} settings, {seeds} seeds: {len(trials):,} trainings")
    print(f"about {duration(took)} on {number_of(jobs, 'processor')}, as the first updates here say")
    print("".join(f"{line}\n" for line in known) + f"next: charloom study {shlex.quote(in_line(str(path)))}")


def _varied(given: list[str]) -> dict[str, list[Any]]:
    """Return the values by the params' names. Raises WrongInput where a line is no such thing, or names one again."""
    vary: dict[str, list[Any]] = {}
    for each in given:
        name, equals, said = each.partition("=")
        values: list[Any] = []
        with suppress(*NO_YAML):
            values = [plain(value) for value in said.split(",")]
        if not (name and equals and values) or name in vary:
            raise WrongInput(f"--vary: {in_line(each)} is not allowed: {VARY}, each name once: eta=0.05,0.1")
        vary[name] = values
    return vary
