"""What the pages of studies are made of, whatever came out, and names in it that want to act."""

import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from harmless import Page
from projects import ROOT

from charloom.core.config.reading import read_params
from charloom.results.study_table import FrozenQuestion
from charloom.study.study_file import Study, StudyFile
from charloom.study_pages.presentation import Presentation
from charloom.study_pages.study_page import study_page
from seedpairs import answered
from seedpairs.analysis import with_labels
from seedpairs.data_types import Analysis, Measured, Measurement

GONE, LOST = Measurement(None, exploded=True), Measurement(7.5, exploded=True)
UPDATES = range(0, 100_001, 1000)
LIKE_MARKUP = (
    "#0072b2", 'id="x', "var(--blue)", "url(#a)", 'href="#a', "'DejaVu Sans'", "</text>", "<path>", "%s {0} \\1 $1",
    "&amp;", "-1", "−1",
)  # fmt: skip
HOSTILE = '</title><script>alert("1")</script> & $\\alpha$ 日本 \u202e\x1b[31m'


class Case(NamedTuple):
    """What a page is made of."""

    study: Study
    analysis: Analysis

    @property
    def compared(self) -> Presentation:
        return Presentation(self.analysis)

    @property
    def page(self) -> str:
        return study_page(self.study, self.compared)[0]


def results(settings, curves=True, **changes) -> Case:
    """Return what a page is made of; `settings` gives the values of seeds 1, 2, … or whole trials."""
    trials = {
        name: {s: x if isinstance(x, Measurement) else Measurement(x) for s, x in enumerate(values, 1)}
        for name, values in settings.items()
    }
    loss = {
        name: {s: {u: 40.0 + s + place + 50 * math.exp(-u / 2000) for u in UPDATES} for s in own}
        for place, (name, own) in enumerate(trials.items())
    }
    first, params = next(iter(trials)), read_params(ROOT / "params.yaml")
    curves = {"smooth_loss": loss} if curves else {}
    made = replace(Measured("bits", "lower", first, trials, curves, budget=100_000), **changes)
    seeds = list(range(1, 1 + max(map(len, trials.values()))))
    text, kind = params.prepare.text, params.recipe.kind
    asked = FrozenQuestion(text=text, sha256="f" * 64, arithmetic={kind: ""}, question={}, params=params)
    question = StudyFile.model_construct(
        seeds=seeds, measure=made.measure, looks=list(made.looks), smallest_difference=made.smallest_difference
    )
    study = Study(Path("studies/a.yaml"), question, dict.fromkeys(trials, params), first, asked, {}, made.names)
    return Case(study, with_labels(answered(made)))


def spread(mean, seeds, width=0.1):
    return [mean + width * math.sin(7 * s) for s in range(seeds)]


def reaching(mean, updates):
    return [Measurement(mean + 0.01 * n, reached=update) for n, update in enumerate(updates)]


def by_levels(m, eta):
    """Return what falls with a smaller eta for one m, and rises for the other."""
    return [3.0 + (eta if m == 100 else -eta) * 2 + x for x in spread(0, 5, 0.01 * eta + m / 50_000)]


MANY = {
    f"m={m} eta={eta} sigma={sigma}": [m / 99 + eta + sigma + eta * math.sin(m + 9 * s + 99 * sigma) for s in range(5)]
    for m in (50, 100) for eta in (0.05, 0.1, 0.2) for sigma in (0.01, 0.03, 0.1, 0.3)
}  # fmt: skip
CASES = {
    "two settings": results({"eta=0.1": spread(2.9, 10), "eta=0.05": spread(2.6, 10, 0.01)}, smallest_difference=0.01),
    "24 settings": results(MANY),
    "more than are drawn": results({f"m={m}": spread(m, 3) for m in range(50)}),
    "looks": results({"a": spread(2, 10), "b": spread(3, 3), "c": spread(2.01, 10)}, looks=(3, 5, 10)),
    "one seed": results({"a": [1.0], "b": [2.0]}, target="smooth loss below 1"),
    "two seeds": results({"a": [1.0, 1.1], "b": [2.0, 4.0]}),
    "no seed in common": results({"a": [1.0], "b": []}),
    "nothing but explosions": results({"a": [GONE] * 3, "b": [GONE] * 3}, curves=False),
    "explosions": results({"a": [2.7, GONE, 2.6, LOST, GONE], "b": spread(2.5, 5), "c": [GONE] * 5}),
    "ties": results({"a": [1.0] * 3, "b": [1.0] * 3}),
    "a title": results({"eta=0.1": spread(2, 3), "eta=0.05": [2.0, 2.1, 1.8]}, title="Is <b>0.05</b> better?"),
    "names": results(
        {"eta=0.1": spread(2, 5), "eta=0.05": spread(1, 5)}, names={"eta=0.1": "_AdaGrad $0$", "eta=0.05": "Größe 10"},
        levels={f"eta={eta}": {"eta": eta} for eta in ("0.1", "0.05")},
    ),
    "higher is better": results({"a": spread(0.8, 6), "b": spread(0.9, 6)}, better="higher"),
    "a target": results(
        {"a": reaching(2.8, [None, 99_000, None]), "b": reaching(2.6, [40_000, 50_000, 45_000]), "c": spread(3, 3)},
        target="smooth loss below 40",
    ),
    "large and small": results({"a": [1e30, 2e30, 1e-30], "b": [-1e-30, 1e9, 0.0]}),
    "hostile names": results({HOSTILE: spread(1, 4), f"b {HOSTILE}": spread(2, 4)}, warnings=(HOSTILE,)),
    "names like markup": results({name: spread(place, 4) for place, name in enumerate(LIKE_MARKUP)}),
    "factors": results(
        {f"eta={eta} m={m}": by_levels(m, eta) for m in (100, 50) for eta in (0.1, 0.05, 0.2)},
        levels={f"eta={eta} m={m}": {"eta": f"{eta}", "m": f"{m}"} for m in (100, 50) for eta in (0.1, 0.05, 0.2)},
    ),
    "hostile factors": results(
        {f"{a} {b}": [a - b + 0.01 * s * s for s in range(4)] for a in (1, 2) for b in (1, 2)},
        levels={f"{a} {b}": {HOSTILE: f"{a}", f"_{HOSTILE}": f"{b} {HOSTILE}"} for a in (1, 2) for b in (1, 2)},
    ),
    "three factors": results(
        {f"{a} {b} {c}": spread((a == b) * 5, 6, 0.01) for a in "12" for b in "12" for c in "12"},
        levels={f"{a} {b} {c}": {"eta": a, "m": b, "sigma": c} for a in "12" for b in "12" for c in "12"},
        curves=False,
    ),
    "many levels, one of which came to nothing": results(
        {f"a={a} b={b}": [GONE] * 4 if a == 3 else spread(a * (b - 3), 4, 0.01) for a in range(9) for b in range(6)},
        levels={f"a={a} b={b}": {"a": f"{a}", "b": f"{b}"} for a in range(9) for b in range(6)}, curves=False,
    ),
    "together": results(
        {"a": spread(2.9, 5), "b": spread(2.6, 5)},
        levels={"a": {"eta": "0.1", "sigma": "0.01"}, "b": {"eta": "0.05", "sigma": "0.1"}},
    ),
}  # fmt: skip


@cache
def page(name: str) -> str:
    return CASES[name].page


def text(name: str) -> str:
    return Page(page(name)).text
