"""Figures in prose: each in README, docs/course*.md and the studies' READMEs stands inside a sentence listed here."""

import csv
import json
import re
from contextlib import chdir
from functools import cache
from pathlib import Path

import pytest
from compared import effect as the_effect
from projects import ROOT, called

from charloom.commands import cli, study_new
from charloom.study.asking import read_study
from charloom.study.measuring import measured
from groundwork.yaml12 import parsed
from paired import answered

# A figure has three decimals or more, or a comma between thousands unless these are round. A sentence is written from
# the file that has its figure; or it is a literal, the output of a command that stands beside it.
FIGURE = re.compile(r"(?<![\w.])[−-]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d{3,})(?![\w-])")
ACCUMULATOR = "train.initial_accumulator_value"
SETTING = re.compile(r"eta[:=] ?[\d.]+|[\d.]+, 0\.9, 0\.999|\b0\.0\d+: ")


@cache
def trials(study):
    with chdir(ROOT):
        return measured(read_study(Path(f"studies/{study}.yaml")))


@cache
def answer(study):
    return answered(trials(study))


def number(value, digits=3):
    """Return the number as prose writes it: with a minus sign."""
    return f"{value:,.{digits}f}".replace("-", "−")


def one(rows, *words):
    """Return the row of the setting whose name has all these words."""
    (found,) = (row for row in rows if set(words) <= set(row.setting.split()))
    return found


def of(study, *words):
    return one(answer(study).summaries, *words)


def contrast(study, *words):
    return one(answer(study).comparisons, *words)


def effect(kind, factor, level, reference, *at):
    return number(abs(the_effect(answer("recipe"), kind, factor, level, reference, *at).mean_difference))


def spread(row):
    return f"{number(row.mean)} ({number(row.sd)})"


def cells(row, *, best):
    """Return mean and standard deviation of a setting as cells of a table."""
    return f"{'**' * best}{number(row.mean)}{'**' * best} | {number(row.sd)}"


def interval(row, sign=1):
    ends = sorted(sign * end for end in row.interval)
    return f"{number(ends[0])} to {number(ends[1])}"


def difference(row, sign=1):
    return number(sign * row.mean_difference)


def metrics(name):
    return json.loads((ROOT / f"metrics/{name}.json").read_text())


def by_batch(study, read, best):
    """Yield the rows of the table, and the sentence about the largest batch; `read` has the second cell of each row."""
    for (size, eta), cell in zip(((1, 0.1), (8, 0.1), (32, 0.2)), read, strict=True):
        yield f"| {size} | {cell} | {eta} | {cells(of(study, f'batch={size}'), best=size == best)} |"
    (seeds,) = (row for name, row in trials(study).settings.items() if "batch=32" in name.split())
    *others, worst = sorted(trial.value for trial in seeds.values())
    yield f"ends at {number(worst)}, the others between {number(others[0])} and {number(others[-1])}"


def readme():
    train, text = metrics("train"), metrics("prepare")["bits_per_character"]
    ten, start = contrast("initial_accumulator"), answer("initial_accumulator").summaries
    yield f"smooth loss {train['smooth_loss']:.3f}, lowest {train['best_smooth_loss']:.3f}"
    yield f"after {train['best_update']:,} of {train['updates']:,} updates"
    yield f"held-out {train['held_out_bits_per_character']:.3f} bits per character (uniform {text['uniform']:.3f};"
    for row in start:
        yield " ".join(f"{x:.4f}" for x in (row.mean, row.sd, row.interval[0])) + f" to {row.interval[1]:.4f}"
    yield f"by {difference(ten, -1)} bits, with a 95 % interval from {interval(ten, -1)}"
    yield f"({study_new.SHORT_SEEDS} seeds, {study_new.SHORT:,} updates)"
    yield "``` 2.700 bits per character ```"  # tests/all/test_readme.py types the command
    with (ROOT / "studies/recipe/trials.csv").open(newline="") as file:
        wanted = {"m": "100", "eta": "0.05", "sigma": "0.01"}
        eta = next(row for row in csv.DictReader(file) if wanted.items() <= row.items())
    for name in ("held_out_bits_per_character", "smooth_loss"):
        before, after = train[name], float(eta[name])
        yield f"{name} {before:.5f} {after:.5f} {after - before:.5f}"
    yield from speed()


def speed():
    """The rows of one sequence per update, and where oneDNN is faster."""
    page = (ROOT / "benchmarks/performance.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| AVX")]
    ratios = [float(row[-2]) for row in rows if len(row) == 10]
    yield f"takes {min(ratios):.2f} to {max(ratios):.2f} of the time"
    assert not re.search(r"\| [\d,]+, 32 \|.* 1\.\d\d \|$", page, re.MULTILINE)  # else README says in which sizes
    yield "oneDNN perhaps on Intel processors"


def initial_accumulator():
    zero, ten = answer("initial_accumulator").summaries
    row = contrast("initial_accumulator")
    yield f"{number(zero.mean)} bits with 0 and {number(ten.mean)} with 10"
    yield f"is {difference(row)}, with a 95 % interval from {interval(row)}"
    yield f"the standard deviation is {number(ten.sd)}, not {number(zero.sd)}"


def recipe():
    level = "at a level"
    yield f"better than 0.1, by {effect(level, 'eta', '0.05', '0.1', '100')} bits"
    yield f"looks worse, by {effect(level, 'eta', '0.05', '0.1', '50')}"
    yield f"worse than 0.1 (by {effect('average', 'eta', '0.2', '0.1')} bits)"
    yield f"worse than 0.05 (by {effect('average', 'eta', '0.2', '0.05')})"
    yield f"at eta 0.05 (by {effect(level, 'm', '50', '100', '0.05')} bits)"
    yield f"better than 25, by {effect('average', 'seq_length', '50', '25')} bits"


def batch():
    eight, many = contrast("batch", "batch=8"), contrast("batch", "batch=32")
    yield f"{number(eight.mean_difference)} bits more (95 % interval {interval(eight)})"
    yield f"with a batch of 32, it costs {number(many.mean_difference)} more ({interval(many)})"
    yield "read the same 2,500,000 characters. So a batch of 8 makes 12,500 updates instead of 100,000"
    yield "a batch of 32 makes 3,125"
    yield from by_batch("batch", ("100,000", "12,500", "3,125"), best=1)
    yield "after 10,000,000 characters, batches of 1, 8 and 32 end at 2.486, 2.488 and 2.521 bits"  # batch_along.md


def batch_rates():
    yield "Batches of 1, 8 and 32 sequences train for 12,500 updates"
    yield "for 3,125 updates, and so reads as much text as a batch of 8 in 12,500 updates"
    for size, updates in ((1, 12500), (8, 12500), (32, 3125), (32, 12500)):
        rates = ("0.05", "0.1", "0.2") if size == 1 else ("0.1", "0.2", "0.4")
        found = {eta: of("batch_rates", f"batch={size}", f"train.updates={updates}", f"eta={eta}") for eta in rates}
        yield f"| {size} | {updates:,} | {rates_in(found)} |"


def rates_in(rows):
    """Return the cell of a pilot: each rate with mean and standard deviation, the lowest in bold."""
    bold = {min(rows, key=lambda eta: rows[eta].mean): "**"}
    return " · ".join(f"{(mark := bold.get(eta, ''))}{eta}: {spread(row)}{mark}" for eta, row in rows.items())


def batch_updates():
    eight, many = contrast("batch_updates", "batch=8"), contrast("batch_updates", "batch=32")
    yield "make the same 12,500 updates"
    yield f"by {difference(eight, -1)} bits (95 % interval {interval(eight, -1)})"
    yield f"a batch of 32 by {difference(many, -1)} ({interval(many, -1)})"
    yield "In the time of 12,500 updates with a batch of 32, training with single sequences makes about 300,000 updates"
    yield from by_batch("batch_updates", ("312,500", "2,500,000", "10,000,000"), best=32)
    yield "a held-out loss of 1.857 nats per character with a batch of 8, and 2.111 without"  # a student's report


def learning_rates():
    recipes = {
        "AdaGrad from 0": ("train.initial_accumulator_value=0", ("0.02", "0.05", "0.1", "0.2")),
        "AdaGrad from 10": ("train.initial_accumulator_value=10", ("0.05", "0.1", "0.2", "0.4")),
        "Adam": ("optimizer=adam", ("0.0005", "0.001", "0.002", "0.004")),
    }
    for name, (word, rates) in recipes.items():
        yield f"| {name} | {rates_in({eta: of('learning_rates', word, f'eta={eta}') for eta in rates})} |"


def optimizer():
    zero, ten, adam = (of("optimizer", word) for word in (f"{ACCUMULATOR}=0", f"{ACCUMULATOR}=10", "optimizer=adam"))
    better, open_ = contrast("optimizer", f"{ACCUMULATOR}=10"), contrast("optimizer", f"{ACCUMULATOR}=0")
    yield f"better than Adam: {number(ten.mean)} bits compared with {number(adam.mean)}"
    yield f"The difference is {difference(better)}, with a 95 % interval from {interval(better)}"
    yield f"AdaGrad from 0 ({number(zero.mean)}) and Adam ({number(adam.mean)})"
    yield f"the interval of the difference is {interval(open_)}"
    for name, row in (("AdaGrad from 0 | 0.05", zero), ("AdaGrad from 10 | 0.1", ten), ("Adam | 0.001", adam)):
        yield f"| {name} | {cells(row, best=row is ten)} |"
    yield f"ten seeds end at {number(answer('initial_accumulator').summaries[0].mean)} on average"


def order():
    chunks, positions = (contrast("order", f"train.order={name}") for name in ("chunks", "positions"))
    yield f"by {difference(chunks, -1)} bits (95 % interval {interval(chunks, -1)})"
    yield f"by {difference(positions, -1)} ({interval(positions, -1)})"
    for name in ("reading", "chunks", "positions"):
        yield f"| {cells(of('order', f'train.order={name}'), best=name == 'chunks')} |"


def course():
    """The figures of its exercises are those of commands that stand beside them, and of data/dd2424_report.yaml."""
    better, chunks = contrast("optimizer", f"{ACCUMULATOR}=10"), contrast("order", "train.order=chunks")
    positions, batches = contrast("order", "train.order=positions"), answer("batch").comparisons
    yield f"beats Adam by {difference(better, -1)} bits"
    yield f"costs {difference(chunks, -1)} bits per character less with `chunks`"
    yield f"and {difference(positions, -1)} bits less with `positions`"
    yield f"costs {difference(batches[0])} bits per character more with a batch of 8, and {difference(batches[1])} more"
    eight, many = (difference(comparison, -1) for comparison in answer("batch_updates").comparisons)
    yield f"costs {eight} bits per character less with a batch of 8, and {many} less"
    curve = dict(line.split(",") for line in (ROOT / "plots/smooth_loss.csv").read_text().splitlines()[1:])
    report = parsed((ROOT / "data/dd2424_report.yaml").read_text())
    lecturer = {year: edition["lecturer"] for year, edition in report["editions"].items()}
    old, new = (lecturer[year] for year in sorted(lecturer))
    for update, first in ((0, 1), (1000, 1000), (4000, 4000), (30000, 30000)):
        cells = (old[first], float(curve[str(update)]), new[update])
        yield f"| {f'{update:,}' if update else 'start'} | {' | '.join(f'{loss / 25:.3f}' for loss in cells)} |"
    yield f"| 100,000 | | {float(curve['100000']) / 25:.3f} | |"
    yield f"| 150,000 | | | {new[150000] / 25:.3f} |"
    for row in min(report["editions"].items())[1]["reports"]:
        yield f"| {row['year']} | {row['smooth_loss']:.2f} | {row['repository']}"
    yield "--vary sigma=0.01,0.011"
    yield from (f"| {loss} |" for loss in (3.354, 2.347, 1.902, 1.794, 4.429))  # Adam: the command above the table
    yield "| AdaGrad, learning rate 0.1 | Adam, learning rate 0.001; `train.b1` 0.9, `train.b2` 0.999, `train.eps` 1e-8"
    yield "1.54 after 85,000 updates (2025, AX-Berglund/DD2424-DeepLearning), 1.661 after 100,000"
    yield "a lowest value of 1.485 within 150,000"
    yield "(1,107,542 characters, 80 distinct)"
    # trials of two faults: the output of the commands below the table
    yield "| right | 3.283 | 3.054 |"
    yield "| 3.283: difference 0.000, 95 % interval −0.107 to 0.106, *cannot tell yet* | 3.054: difference 0.000,"
    yield "difference 0.000, interval −0.007 to 0.006, *cannot tell yet* |"
    yield "3.003: difference −0.051, interval −0.058 to −0.045, *better*"
    yield "the missing state costs at most 0.006 bits"


def answers():
    """Each is the output of the exercise's command, or of the lesson's."""
    yield "it is −0.069 to −0.014, and the verdict is *better* (p 0.0045)"
    yield "the interval of all 60 is −0.054 to −0.015 (p 0.00062)"
    yield "a standard deviation of 0.07 bits), and with 0.02 hardly (0.005)"
    yield "0.05 is better than 0.1, by 0.174 bits (p 0.0024"
    yield "0.05 is lower than that of 0.1 by 0.124 bits, but five seeds are too few (p 0.067, and 0.13 corrected)"
    yield "An accumulator that starts at 10 is better, by 0.197 bits (p 0.049)"
    yield "with p 0.9 and a mean difference of 0.005 bits"
    yield "a difference of −0.018 with p 0.42, although the difference has the same sign in all 20 passages"


STUDIES = (initial_accumulator, recipe, batch, batch_rates, batch_updates, learning_rates, optimizer, order)
PAGES = {
    "README.md": readme,
    "docs/course.md": course,
    "docs/course_answers.md": answers,
    **{f"studies/{study.__name__}/README.md": study for study in STUDIES},
}


@pytest.mark.parametrize("page", PAGES)
def test_each_figure_in_prose_is_that_of_a_result(page):
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    spans = [match.span() for match in SETTING.finditer(text)]
    for sentence in PAGES[page]():
        places = [match.span() for match in re.finditer(re.escape(sentence), text)]
        assert places, sentence
        spans += places
    for match in FIGURE.finditer(text):
        supported = any(start <= match.start() and match.end() <= end for start, end in spans)
        assert supported or match[0].endswith(",000"), match[0]


def test_the_example_of_effects_has_lines_of_the_output():
    example = (ROOT / "docs/studies.md").read_text(encoding="utf-8").split("prints, among other lines:\n\n```\n")[1]
    with chdir(ROOT):
        _, printed, _ = called(cli.main, "charloom", "compare", "studies/recipe")
    assert {*example.partition("```")[0].splitlines()} <= {*printed.splitlines()}
