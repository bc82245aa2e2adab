"""Figures in prose: each one in README, docs/course.md and the studies' READMEs is a number of a result file.

A figure is a number with three decimals or more. An edited figure is found, unless it is another number of its page.
"""

import json
import re
from collections.abc import Iterator
from contextlib import chdir
from functools import cache
from pathlib import Path

import pytest
from projects import ROOT

from charloom.base.yaml_text import parsed
from charloom.settings.params import flat_of, read_params
from charloom.study.asking import read_study
from charloom.study.measuring import measured
from paired import answered

FIGURE = re.compile(r"(?<![\w.,])\d+\.\d{3,}(?![\w-])")
STUDIES = sorted(path.parent.name for path in ROOT.glob("studies/*/README.md"))
PAGES = {  # the studies of which a page tells
    "README.md": ["initial_accumulator"],
    "docs/course.md": ["optimizer", "order", "batch"],
    **{f"studies/{study}/README.md": [study] for study in STUDIES},
    "studies/optimizer/README.md": ["optimizer", "initial_accumulator"],
}
ELSEWHERE = {  # figures of commands that stand beside them, of studies/batch/batch_along.md and of other people
    "README.md": "2.700",
    "docs/course.md": "3.354 2.347 1.902 1.794 4.429 0.193 0.026 0.217 0.061 0.049 0.004 1.661 1.485 0.011",
    "studies/batch/README.md": "2.486 2.488 2.521",
    "studies/batch_updates/README.md": "1.857 2.111",
}


@cache
def of_study(study: str) -> list[float]:
    """Return the numbers that the study's answer states, the rates of its settings, and the ends of its trials."""
    with chdir(ROOT):
        trials = measured(read_study(Path(f"studies/{study}.yaml")))
    answer = answered(trials)
    numbers = [x for row in answer.summaries for x in (row.mean, row.sd, *row.interval)]
    numbers += [x for row in answer.comparisons for x in (row.mean_difference, *row.interval)]
    numbers += [row.mean_difference for row in answer.effects]
    for setting, by_seed in trials.settings.items():
        values = sorted(trial.value for trial in by_seed.values())
        numbers += [*map(float, re.findall(r"[\d.]*\d", setting)), values[0], *values[-2:]]
    return numbers


def of_pipeline() -> Iterator[float]:
    """Yield the committed metrics, and what README's experiment with eta 0.05 has and how far it is from them."""
    train, text = (json.loads((ROOT / f"metrics/{name}.json").read_text()) for name in ("train", "prepare"))
    yield from (x for x in (*train.values(), *text["bits_per_character"].values()) if x is not None)
    head, *rows = (line.split(",") for line in (ROOT / "studies/recipe/trials.csv").read_text().splitlines())
    table = [dict(zip(head, row, strict=True)) for row in rows]
    eta = next(row for row in table if (row["m"], row["eta"], row["sigma"]) == ("100", "0.05", "0.01"))
    for name in ("held_out_bits_per_character", "smooth_loss"):
        yield from (float(eta[name]), float(eta[name]) - train[name])


def of_course() -> Iterator[float]:
    """Yield the losses per character of this pipeline and of the lecturers, and the reports' smooth losses."""
    curve = [line.split(",") for line in (ROOT / "plots/smooth_loss.csv").read_text().splitlines()[1:]]
    yield from (float(loss) / 25 for update, loss in curve if update in {"0", "1000", "4000", "30000", "100000"})
    for edition in parsed((ROOT / "data/dd2424_report.yaml").read_text())["editions"].values():
        yield from (loss / 25 for loss in edition["lecturer"].values())


@pytest.mark.parametrize("page", PAGES)
def test_each_figure_in_prose_is_that_of_a_result(page):
    numbers = [number for study in PAGES[page] for number in of_study(study)]
    numbers += [value for value in flat_of(read_params(ROOT / "params.yaml")).values() if isinstance(value, float)]
    numbers += [*([] if page.startswith("studies") else [*of_pipeline(), *of_course()])]
    numbers += map(float, ELSEWHERE.get(page, "").split())
    figures = FIGURE.findall((ROOT / page).read_text(encoding="utf-8"))
    assert figures
    wrong = [x for x in figures if x not in {f"{abs(number):.{len(x.partition('.')[2])}f}" for number in numbers}]
    assert wrong == []
