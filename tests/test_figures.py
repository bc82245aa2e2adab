"""Figures in prose: each one in README, docs/course.md and the studies' READMEs is a number that a result has.

A figure is a number with three decimals or more, or with a comma between thousands, unless it is a round one: 100,000.
So a result that changes is found, and a digit that is mistyped, unless another number of the result has it: more than
nine of ten. LITERALS are outputs of the commands that stand beside them in the text, or figures of other people.
"""

import json
import re
from contextlib import chdir
from functools import cache, partial
from pathlib import Path

import pytest
from projects import ROOT

from charloom.base.yaml_text import parsed
from charloom.study.asking import read_study
from charloom.study.measuring import measured
from paired import answered

FIGURE = re.compile(r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d{3,})(?![\w-])")
STUDIES = sorted(path.stem for path in (ROOT / "studies").glob("*.yaml"))
LITERALS = {
    "README.md": {"2.700"},
    "studies/batch/README.md": {"2.486", "2.488", "2.521"},  # benchmarks/batch_along.md
    "studies/batch_updates/README.md": {"1.857", "2.111"},  # a student's report
    "docs/course.md": {
        "3.354", "2.347", "1.902", "1.794", "4.429", "0.193", "0.026", "0.217", "0.061", "0.049", "0.004",
        "0.001", "0.011", "0.999", "1.661", "1.485", "1,107,542",
    },
}  # fmt: skip


@cache
def trials_of(study):
    with chdir(ROOT):
        return measured(read_study(Path(f"studies/{study}.yaml")))


def of_study(study):
    """Return the numbers of a study: of its answer, its trials and its settings."""
    trials = trials_of(study)
    answer = answered(trials)
    numbers = [float(value) for name in trials.settings for value in re.findall(r"=([\d.]+)", name)]
    numbers += [trials.budget or 0, *trials.amounts.values()]
    for row in answer.summaries:
        numbers += [row.mean, row.sd, *row.interval]
    for row in (*answer.comparisons, *answer.effects):
        numbers += [row.mean_difference, *row.interval]
    return numbers + [trial.value for own in trials.settings.values() for trial in own.values()]


def of_readme():
    train, text = (json.loads((ROOT / f"metrics/{name}.json").read_text()) for name in ("train", "prepare"))
    numbers = [value for value in train.values() if isinstance(value, int | float)]
    numbers += [*text["bits_per_character"].values(), *of_study("initial_accumulator")]
    head, *rows = (line.split(",") for line in (ROOT / "studies/recipe/trials.csv").read_text().splitlines())
    for row in (dict(zip(head, row, strict=True)) for row in rows):
        for name in ("held_out_bits_per_character", "smooth_loss"):
            numbers += [float(row[name]), float(row[name]) - train[name]]
    return numbers


def of_course():
    """Return differences of three studies, and losses per character of the run and of data/dd2424_report.yaml."""
    curve = dict(line.split(",") for line in (ROOT / "plots/smooth_loss.csv").read_text().splitlines())
    editions = parsed((ROOT / "data/dd2424_report.yaml").read_text())["editions"].values()
    losses = [float(curve[update]) for update in ("0", "1000", "4000", "30000", "100000")]
    losses += [loss for edition in editions for loss in edition["lecturer"].values()]
    studies = [answered(trials_of(study)) for study in ("optimizer", "order", "batch")]
    differences = [row.mean_difference for study in studies for row in study.comparisons]
    return differences + [loss / 25 for loss in losses]


PAGES = {
    "README.md": of_readme,
    "docs/course.md": of_course,
    **{f"studies/{study}/README.md": partial(of_study, study) for study in STUDIES},
    "studies/optimizer/README.md": lambda: of_study("optimizer") + of_study("initial_accumulator"),
}


@pytest.mark.parametrize("page", PAGES)
def test_each_figure_in_prose_is_that_of_a_result(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    figures = {figure for figure in FIGURE.findall(text) if not figure.endswith(",000")}
    numbers, literals = PAGES[page](), LITERALS.get(page, set())
    for figure in figures - literals:
        decimals = len(figure.partition(".")[2])
        assert any(f"{abs(number):,.{decimals}f}" == figure for number in numbers), figure
    assert literals <= figures
