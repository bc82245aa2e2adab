"""A study's page says what the answer says, whatever came out, and no name in it can act."""

import math
import re
from contextlib import chdir
from functools import cache
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import NamedTuple, get_args

import pytest
from projects import ROOT
from rendered import Page, cells, drawn, ensure_whole, svg

from charloom.pages.sections import breakable
from charloom.pages.study.compared import ABOUT, Compared
from charloom.pages.study.study_page import study_page
from charloom.results.records import Measure
from charloom.results.run import POINTS
from charloom.results.study_table import Asked
from charloom.settings.params import read_params
from charloom.study.asking import read_study
from charloom.study.measuring import measured
from charloom.study.study_file import Study, StudyFile
from paired import answered, tables
from paired import sentences as words
from paired.data_types import Answer, Measured, Measurement

GONE, LOST = Measurement(None, exploded=True), Measurement(7.5, exploded=True)
UPDATES = range(0, 100_001, 1000)


class Case(NamedTuple):
    """What a page is made of."""

    study: Study
    measured: Measured
    answer: Answer

    @property
    def compared(self) -> Compared:
        return Compared(self.measured, self.answer)

    @property
    def page(self) -> str:
        return study_page(self.study, self.compared)[0]


def results(settings, curves=True, **changes) -> Case:
    """Return what a page is made of; `settings` gives the values of seeds 1, 2, … or whole trials.

    curves  True: a smooth loss is drawn up; or the curves
    """
    trials = {
        name: {s: x if isinstance(x, Measurement) else Measurement(x) for s, x in enumerate(values, 1)}
        for name, values in settings.items()
    }
    loss = {
        name: {s: {u: 40.0 + s + place + 50 * math.exp(-u / 2000) for u in UPDATES} for s in own}
        for place, (name, own) in enumerate(trials.items())
    }
    first, params = next(iter(trials)), read_params(ROOT / "params.yaml")
    curves = {"smooth_loss": loss} if curves is True else curves or {}
    made = Measured("bits", "lower", first, trials, curves, budget=100_000)
    made = made._replace(**changes)
    seeds = list(range(1, 1 + max(map(len, trials.values()))))
    asked = Asked(
        text=params.prepare.text, sha256="f" * 64, arithmetic={params.recipe.kind: ""}, question={}, params=params
    )
    question = StudyFile.model_construct(
        seeds=seeds, measure=made.measure, looks=list(made.looks), smallest_difference=made.smallest_difference
    )
    study = Study(Path("studies/a.yaml"), question, dict.fromkeys(trials, params), ["eta"], first, asked, {})
    return Case(study, made, answered(made))


def spread(mean, seeds, width=0.1):
    return [mean + width * math.sin(7 * s) for s in range(seeds)]


def reaching(mean, updates):
    return [Measurement(mean + 0.01 * n, reached=update) for n, update in enumerate(updates)]


def by_levels(m, eta):
    """Return what falls with a smaller eta for one m, and rises for the other."""
    return [3.0 + (eta if m == 100 else -eta) * 2 + x for x in spread(0, 5, 0.01 * eta + m / 50_000)]


HOSTILE = '</title><script>alert("1")</script> & $\\alpha$ 日本 \u202e\x1b[31m'
SMALLER = {"a": [2.50, 2.91, 3.29], "b": [2.08, 2.81, 3.702]}  # the difference of the means is 0.036
MANY = {
    f"m={m} eta={eta} sigma={sigma}": [m / 99 + eta + sigma + eta * math.sin(m + 9 * s + 99 * sigma) for s in range(5)]
    for m in (50, 100) for eta in (0.05, 0.1, 0.2) for sigma in (0.01, 0.03, 0.1, 0.3)
}  # fmt: skip
CASES = {
    "two settings": results({"eta=0.1": spread(2.9, 10), "eta=0.05": spread(2.6, 10, 0.01)}, smallest_difference=0.01),
    "24 settings": results(MANY),
    "more than are drawn": results({f"m={m}": spread(m, 3) for m in range(50)}),
    "looks": results({"a": spread(2, 10), "b": spread(3, 3), "c": spread(2.01, 10)}, looks=(3, 5, 10)),
    "one seed": results({"a": [1.0], "b": [2.0]}),
    "two seeds": results({"a": [1.0, 1.1], "b": [2.0, 4.0]}),
    "no seed in common": results({"a": [1.0], "b": []}),
    "nothing but explosions": results({"a": [GONE] * 3, "b": [GONE] * 3}, curves=False),
    "explosions": results({"a": [2.7, GONE, 2.6, LOST, GONE], "b": spread(2.5, 5), "c": [GONE] * 5}),
    "ties": results({"a": [1.0] * 3, "b": [1.0] * 3}),
    "a title": results({"eta=0.1": spread(2, 3), "eta=0.05": [2.0, 2.1, 1.8]}, title="Is <b>0.05</b> better?"),
    "higher is better": results({"a": spread(0.8, 6), "b": spread(0.9, 6)}, better="higher"),
    "a target": results(
        {"a": reaching(2.8, [None, 99_000, None]), "b": reaching(2.6, [40_000, 50_000, 45_000]), "c": spread(3, 3)},
        target="smooth loss below 40",
    ),
    "a target that none reached": results({"a": spread(2, 3), "b": spread(3, 3)}, target="smooth loss below 1"),
    "a target without a budget": results(
        {"a": reaching(2.8, [None, 99_000]), "b": reaching(2.6, [40_000, 50_000])},
        target="smooth loss below 40", budget=None,
    ),
    "large and small": results({"a": [1e30, 2e30, 1e-30], "b": [-1e-30, 1e9, 0.0]}),
    "hostile names": results({HOSTILE: spread(1, 4), f"b {HOSTILE}": spread(2, 4)}, warnings=(HOSTILE,)),
    "factors": results(
        {f"eta={eta} m={m}": by_levels(m, eta) for m in (100, 50) for eta in (0.1, 0.05, 0.2)},
        levels={f"eta={eta} m={m}": {"eta": f"{eta}", "m": f"{m}"} for m in (100, 50) for eta in (0.1, 0.05, 0.2)},
    ),
    "hostile factors": results(
        {f"{a} {b}": [a - b + 0.01 * s * s for s in range(4)] for a in (1, 2) for b in (1, 2)},
        levels={f"{a} {b}": {HOSTILE: f"{a}", f"_{HOSTILE}": f"{b} {HOSTILE}"} for a in (1, 2) for b in (1, 2)},
    ),
    "a level of a factor that came to nothing": results(
        {f"a={a} b={b}": [GONE if a == 3 else Measurement((a == b) + 0.01 * math.sin(s + a)) for s in range(6)]
         for a in (1, 2, 3) for b in (1, 2)},
        levels={f"a={a} b={b}": {"a": f"{a}", "b": f"{b}"} for a in (1, 2, 3) for b in (1, 2)}, curves=False,
    ),
    "many levels": results(
        {f"a={a} b={b}": spread(a * (b - 3), 4, 0.01) for a in range(9) for b in range(6)},
        levels={f"a={a} b={b}": {"a": f"{a}", "b": f"{b}"} for a in range(9) for b in range(6)}, curves=False,
    ),
    "long names": results({"a_long_name_without_end" * 20: spread(1, 4), "b": spread(2, 4)}),
}  # fmt: skip


@cache
def page(name: str) -> str:
    return CASES[name].page


def text(name: str) -> str:
    return Page(page(name)).text


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_page_is_whole_and_says_the_verdicts_how_they_were_reached_and_the_numbers_of_the_terminal(name):
    """A warning would be an error here: of a letter that the font has not, say."""
    read, answer = ensure_whole(page(name)), CASES[name].answer
    assert "None" not in read.text.replace("None of the", "")
    assert not re.search(r"\bnan\b", read.text)
    assert words.told(answer).split(":")[0] in read.text
    for contrast in answer.comparisons:
        assert words.verdict(contrast) in read.text
    for note in words.notes(answer):
        assert " ".join(note.replace("`", " ").split()) in read.text.replace(" , ", ", ")
    assert {"settings-picture", "differences-picture"} <= set(read.pictures)
    if name != "hostile names":
        shown = [[row[0], *row[2:], row[1]] for row in cells(page(name), "all numbers")]  # the verdict is second
        assert sorted(shown) == sorted([*row] for row in tables.table(answer))


COUNTED = "2 settings, 10 seeds each: 20 trainings of 100,000 updates"
SAID = {
    "two settings": [
        f"Is eta=0.05 better than eta=0.1? Text: data/moby_dick.txt (SHA-256 ffffffffffff…). {COUNTED}. Measure: bits;",
        "None of the 20 trainings exploded: none diverged",
        "At the end, eta=0.1: 45.5 (95 % interval 43.3 to 47.7); eta=0.05: 46.5 (",
        "charloom study studies/a.yaml --prove 1", "charloom verify --study studies/a.yaml",
    ],
    "a title": ["Is <b>0.05</b> better? Is eta=0.05 better than eta=0.1? Text: "],
    "explosions": [
        "b exploded: 0 of 5, baseline 3 of 5", "c exploded: 5 of 5, baseline 3 of 5",
    ],
    "more than are drawn": ["Shown are 40 of 50"],
    "factors": ["What do eta and m do?", "Better: eta=0.05 against 0.1 at m=100; ", "depends on m"],
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_a_page_says_what_was_asked_of_which_text_and_what_came_out(name):
    for sentence in SAID[name]:
        assert sentence in text(name)


def test_a_title_is_the_heading_and_cannot_tell_yet_is_as_large_as_better():
    assert "<h1>Is &lt;b&gt;0.05&lt;/b&gt; better?</h1>" in page("a title").replace("<wbr>", "")
    assert "<h1>Is eta=0.05 better than eta=0.1?</h1>" in page("two settings")
    assert '<p class="told">Cannot tell yet: eta=0.05</p>' in page("a title")
    assert '<p class="told">Better: eta=0.05</p>' in page("two settings")


@pytest.mark.parametrize(("name", "arrow"), [("higher is better", "better →"), ("two settings", "← better")])
def test_an_arrow_says_which_values_are_better(name, arrow):
    assert f"bits ({arrow})" in drawn(page(name), "settings-picture")
    assert f"setting minus baseline ({arrow})" in drawn(page(name), "differences-picture")


@pytest.mark.parametrize(
    ("section", "name"),
    [("curves", "nothing but explosions"), ("explosions", "two settings"), ("target", "two settings"),
     ("target", "a target that none reached")],
)  # fmt: skip
def test_a_section_without_content_is_left_out(section, name):
    assert f'id="{section}"' not in page(name)


def test_a_target_is_named_only_if_a_training_reached_it():
    assert "reached by 1 of 2" in text("a target without a budget")
    assert "smooth loss below 1" not in text("a target that none reached")


@pytest.mark.parametrize("name", ["24 settings", "more than are drawn", "looks", "a target"])
def test_rows_of_tables_have_the_order_of_the_picture(name):
    order = [row[0] for row in cells(page(name), "all numbers")]
    names = [line.partition(" (")[0] for line in drawn(page(name), "settings-picture")]
    in_picture = [setting for setting in names if setting in order]
    assert len(in_picture) > 2
    assert [setting for setting in order if setting in in_picture] == in_picture
    assert [row[0] for row in cells(page(name), "bits of each seed")] == order
    if name == "a target":
        assert [row[0] for row in cells(page(name), "updates to the target, smooth loss below 40")] == order


def test_params_that_always_change_together_are_named_where_no_factor_is_tested():
    levels = {"a": {"eta": "0.1", "sigma": "0.01"}, "b": {"eta": "0.05", "sigma": "0.1"}}
    made = results({"a": spread(2.9, 5), "b": spread(2.6, 5)}, levels=levels)
    assert not made.answer.effects
    said = "eta and sigma always change together: no number of seeds shows which of them has the effect."
    assert said in Page(made.page).text
    assert "always change together" not in text("two settings")


@pytest.mark.parametrize(("factors", "over_others"), [(("eta", "m"), False), (("eta", "m", "a"), True)])
def test_what_stands_over_other_params_is_said_where_there_are_others(factors, over_others):
    levels = {" ".join(map(str, place)): dict(zip(factors, map(str, place), strict=True))
              for place in product((1, 2), repeat=len(factors))}  # fmt: skip
    settings = {name: spread((level["eta"] == level["m"]) * 5, 6, 0.01) for name, level in levels.items()}
    content = results(settings, levels=levels, curves=False).page
    assert "the effect of one param depends on the value of the other" in content
    assert ("over all other params. A dot" in content) == over_others


def test_the_table_of_a_picture_has_each_seeds_value_and_difference():
    made = CASES["two settings"]
    exploded, *_ = cells(page("explosions"), "bits of each seed")
    assert exploded == ["a", "2.700", "diverged", "2.600", "7.500 exploded", "diverged"]
    values = cells(page("two settings"), "bits of each seed")
    assert [row[0] for row in values] == ["eta=0.1", "eta=0.05"]
    for (_, *row), trials in zip(values, made.measured.settings.values(), strict=True):
        assert [float(cell) for cell in row] == pytest.approx([trial.value for trial in trials.values()], abs=1e-4)
    (row,) = cells(page("two settings"), "the difference of each pair")
    differences = made.answer.comparisons[0].differences
    assert [float(cell) for cell in row[1:]] == pytest.approx(list(differences.values()), abs=1e-4)


def test_a_difference_smaller_than_its_interval_is_the_same_number_in_card_caption_and_table():
    losses = {name: {s: dict.fromkeys(UPDATES, x) for s, x in enumerate(own, 1)} for name, own in SMALLER.items()}
    content = results(SMALLER, measure="smooth_loss", curves={"smooth_loss": losses}).page
    number, interval, said = "-0.036", "-1.079 to 1.007", Page(content).text
    assert f"difference {number} nats per sequence 95 % interval {interval}" in said  # the card
    assert f"difference {number} (lower), 95 % interval {interval}" in said
    assert f"At the end, b: {number} (95 % interval {interval})" in said
    assert cells(content, "all numbers")[1][-3:-1] == [number, interval]
    assert cells(content, "smooth_loss: difference to the baseline")[-1][1:] == [number, interval]
    assert [row[3] for row in cells(content, "all numbers")] == ["2.900", "2.864"]


def test_few_comparisons_are_said_in_full_and_of_many_those_that_are_decided():
    for title, lines in words.comparisons(CASES["looks"].answer):
        assert title in text("looks")
        assert all(line in text("looks") for line in lines)
    front = text("24 settings").partition("Each setting, seed by seed A dot")[0]
    comparisons = CASES["24 settings"].answer.comparisons
    decided = [contrast for contrast in comparisons if contrast.verdict != "cannot tell yet"]
    assert 0 < len(decided) < 23
    for contrast in decided:
        assert f"{contrast.setting}: {contrast.verdict} , difference" in front
    intervals = [contrast.interval for contrast in comparisons if contrast.verdict == "cannot tell yet"]
    beyond = [interval for interval in intervals if interval[0] > 0 or interval[1] < 0]
    assert 0 < len(beyond) < len(intervals)
    assert f"For the other {23 - len(decided)} settings nothing is sure yet." in front
    assert f"For {len(beyond)} of them the 95 % interval of the difference excludes 0." in front


def test_a_page_of_factors_leads_with_what_they_do():
    answer, content = CASES["factors"].answer, page("factors")
    rows = [[*row] for row in tables.effect_rows(answer)]
    assert [[row[0], *row[2:], row[1]] for row in cells(content, "all effects")] == rows
    assert {"effects-picture", "crossed-0-1"} <= set(Page(content).pictures)
    assert [float(cell) for row in cells(content, "eta at each level of m") for cell in row[1:]] == pytest.approx(
        [fmean(by_levels(m, eta)) for eta in (0.05, 0.1, 0.2) for m in (50, 100)], abs=2e-3
    )


@pytest.mark.slow
def test_the_committed_study_of_four_params_answers_which_eta():
    with chdir(ROOT):
        study = read_study(Path("studies/recipe.yaml"))
        trials = measured(study)
        content = Case(study, trials, answered(trials)).page
    assert len(content) < 1_000_000
    said = Page(content).text
    assert "Better: eta=0.05 against 0.1 at m=100; seq_length=50 against 25 (with 2 times as much text read)." in said
    assert "It is sure that the effect of one param depends on the value of the other: m and eta." in said
    assert "m=100 eta=0.05 seq_length=50 sigma=0.01 (lowest mean)" in drawn(content, "settings-picture")


def test_of_many_settings_the_best_is_on_top_and_what_is_decided_has_its_verdict_in_bold():
    names = [line for line in drawn(page("24 settings"), "settings-picture") if "eta=" in line]
    means = {row.setting: row.mean for row in CASES["24 settings"].answer.summaries}
    best, *_ = by_mean = sorted(means, key=means.get)
    assert names[0] == f"{best} (baseline, lowest mean)"
    assert [name.partition(" (")[0] for name in names] == by_mean
    verdicts = {row.setting: row.verdict for row in CASES["24 settings"].answer.comparisons}
    decided = {name: verdict for name, verdict in verdicts.items() if verdict != "cannot tell yet"}
    lines = drawn(page("24 settings"), "differences-picture")
    assert {line for line in lines if ": " in line} == {f"{name}: {said}" for name, said in decided.items()}
    picture = svg(page("24 settings"), "differences-picture")
    bold = re.findall(r"<text[^>]*font-weight: 700[^>]*>(.*?)</text>", picture, re.DOTALL)
    assert set(bold) == {f"{name}: {said}" for name, said in decided.items()}
    rows = re.findall(r'<tr class="bold"><th scope="row">(.*?)</th>', page("24 settings"))
    assert set(rows) == decided.keys()


def test_of_many_settings_it_is_said_whose_curves_are_drawn_and_why():
    answer, said = CASES["24 settings"].answer, text("24 settings")
    means = {row.setting: row.mean for row in answer.summaries}
    verdicts = {row.setting: row.verdict for row in answer.comparisons}
    decided = sorted((name for name in verdicts if verdicts[name] != "cannot tell yet"), key=means.get)
    lowest = min(verdicts, key=means.get)
    assert lowest not in (decided[0], decided[-1])
    names = [line for line in drawn(page("24 settings"), "smooth_loss") if "eta=" in line]
    assert names == [answer.baseline, lowest, decided[0], decided[-1]]
    assert f"{lowest} , the lowest mean of the others ({verdicts[lowest]})" in said
    assert f"{decided[-1]} , the highest mean of settings with a verdict ({verdicts[decided[-1]]})" in said


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("train.initial_accumulator_value=0.05 a=1", "train.<wbr>initial_<wbr>accumulator_<wbr>value=0.05 a=1"),
        ("studies/a<b>/initial_accumulator.yaml", "studies/<wbr>a&lt;b&gt;/<wbr>initial_<wbr>accumulator.<wbr>yaml"),
    ],
)
def test_a_long_name_breaks_after_a_dot_or_an_underscore_and_not_in_a_number_or_a_short_word(name, broken):
    assert breakable(name) == broken


def test_of_more_settings_than_are_drawn_the_table_has_all():
    content, compared = page("more than are drawn"), CASES["more than are drawn"].compared
    names = [line for line in drawn(content, "settings-picture") if line.startswith("m=")]
    assert len(names) == 40
    assert {*compared.drawn} <= {row.setting for row in compared.rows}
    assert len(cells(content, "all numbers")) == 50


def test_the_time_to_a_target_counts_those_that_never_reached_it():
    lines = drawn(page("a target"), "target-picture")
    assert [line for line in lines if ":" in line] == [
        "a: reached by 1 of 3", "b: reached by 3 of 3", "c: reached by 0 of 3",
    ]  # fmt: skip
    ticks = sum(line.replace(",", "").isdigit() for line in lines)
    assert svg(page("a target"), "target-picture").count("<use") == ticks + 4 + 2  # dots; triangles, of a and c
    rows = cells(page("a target"), "updates to the target, smooth loss below 40")
    assert [row[:4] for row in rows] == [
        ["a", "1", "3", "99,667"], ["b", "3", "3", "45,000"], ["c", "0", "3", "100,000"],
    ]  # fmt: skip


def test_the_curves_table_ends_where_the_curves_end():
    rows = cells(page("two settings"), "smooth_loss")
    assert (rows[0][0], rows[-1][0]) == ("0", "100,000")
    assert [float(rows[0][n]) for n in (1, 3)] == pytest.approx([95.5, 96.5], abs=0.1)  # the means of seeds 1 to 10
    for update, *row in cells(page("two settings"), "smooth_loss: difference to the baseline"):
        assert (float(row[0]), row[1]) == (1, "1.0000 to 1.0000"), update


def test_a_name_can_not_act():
    ensure_whole(page("hostile names"))
    assert '</title><script>alert("1")</script> & $\\alpha$ 日本' in text("hostile names")
    assert not {"\u202e", "\x1b"} & set(page("hostile names"))


def test_each_measure_that_a_study_can_have_is_said_in_words():
    assert ABOUT.keys() >= {*get_args(Measure), *POINTS}
    measure = "held_out_bits_per_character"
    said = Page(results({"a": [1.0, 2.0], "b": [2.0, 4.0]}, measure=measure).page).text
    assert f"Measure: {measure}, {ABOUT[measure]}; lower is better." in said
    assert said.count("bits per character mean of 2 seeds") == 2  # a card has its unit
