"""A study's page says what the answer says, whatever came out, and no name in it can act."""

import re

import pytest
from harmless import Page
from pages.study_cases import CASES, page, results, text
from rendered import cells, drawn, ensure_whole, svg

from charloom.core.config.records import Measure
from charloom.pages.sections import breakable
from charloom.results.run import POINTS
from charloom.study_pages.presentation import ABOUT
from seedpairs import sentences as words
from seedpairs import tables

COUNTED = "2 settings, 20 trainings of 100,000 updates"
SAID = {
    "two settings": [
        f"Is eta=0.05 better than eta=0.1? Text: data/moby_dick.txt (SHA-256 ffffffffffff…). {COUNTED}. Measure: bits;",
        "None of the 20 trainings exploded.",
        "At the end, eta=0.1: 45.5 (95 % interval 43.3 to 47.7); eta=0.05: 46.5 (",
        "charloom study studies/a.yaml --prove 1",
        "bits (← better)", "setting minus baseline (← better)",
    ],
    "names": [
        "Is Größe 10 better than _AdaGrad $0$?", "Better: Größe 10", "At the end, _AdaGrad $0$: 4",
        "The names stand for these settings: setting _AdaGrad $0$ Größe 10",
    ],
    "higher is better": ["bits (better →)", "setting minus baseline (better →)"],
    "a title": ["Is <b>0.05</b> better? Is eta=0.05 better than eta=0.1? Text: "],
    "explosions": ["8 of the 15 trainings exploded. ", "exploded: 5 of 5, baseline 3 of 5"],
    "a target": ["reached by 3 of 3, baseline 1 of 3", "after 45,000 updates, baseline 99,667"],
    "more than are drawn": ["Shown are 40 of 50"],
    "together": ["eta and sigma always change together: no number of seeds shows which of them has the effect."],
    "factors": ["What do eta and m do?", "Better: eta=0.05 against 0.1 at m=100; ", "depends on m"],
    "three factors": ["the effect of one param depends on the value of the other"],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_study_page_has_the_verdicts_the_method_and_the_terminals_numbers(name):
    """A warning would be an error here: of a letter that the font has not, say."""
    read, answer = ensure_whole(page(name)), CASES[name].analysis
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


@pytest.mark.slow_but_first
@pytest.mark.parametrize("name", SAID)
def test_a_page_says_what_was_asked_of_which_text_and_what_came_out(name):
    for sentence in SAID[name]:
        assert sentence in text(name)


def test_few_comparisons_are_said_in_full_and_what_has_no_content_is_left_out():
    for title, lines in words.comparisons(CASES["looks"].analysis):
        assert all(line in text("looks") for line in (title, *lines))
    assert 'id="curves"' not in page("nothing but explosions")
    assert "smooth loss below 1" not in text("one seed")


@pytest.mark.parametrize("name", ["24 settings", "more than are drawn", "looks", "a target"])
def test_rows_of_tables_have_the_order_of_the_picture(name):
    order = [row[0] for row in cells(page(name), "all numbers")]
    names = [line.partition(" (")[0] for line in drawn(page(name), "settings-picture")]
    in_picture = [setting for setting in names if setting in order]
    assert len(in_picture) > 2
    assert [setting for setting in order if setting in in_picture] == in_picture
    assert [row[0] for row in cells(page(name), "bits of each seed")] == order
    assert (len(in_picture), len(order)) == (40, 50) or len(in_picture) == len(order) < 40


def test_the_table_of_a_picture_has_each_seeds_value_and_difference():
    made = CASES["two settings"]
    exploded, *_ = cells(page("explosions"), "bits of each seed")
    assert exploded == ["a", "2.700", "diverged", "2.600", "7.500 exploded", "diverged"]
    values = cells(page("two settings"), "bits of each seed")
    assert [row[0] for row in values] == ["eta=0.1", "eta=0.05"]
    for (_, *row), trials in zip(values, made.analysis.settings.values(), strict=True):
        assert [float(cell) for cell in row] == pytest.approx([trial.value for trial in trials.values()], abs=1e-4)
    (row,) = cells(page("two settings"), "the difference of each pair")
    differences = made.analysis.comparisons[0].differences
    assert [float(cell.replace("−", "-")) for cell in row[1:]] == pytest.approx(list(differences.values()), abs=1e-4)


def test_a_page_of_factors_leads_with_what_they_do():
    answer, content = CASES["factors"].analysis, page("factors")
    rows = [[*row] for row in tables.effect_rows(answer)]
    assert [[row[0], *row[2:], row[1]] for row in cells(content, "all effects")] == rows
    assert "effects-picture" in Page(content).pictures


def test_a_page_of_many_settings_lists_the_decided_ones_in_bold():
    content, comparisons = page("24 settings"), CASES["24 settings"].analysis.comparisons
    decided = {row.setting: row.verdict for row in comparisons if row.verdict != "cannot tell yet"}
    assert 0 < len(decided) < 23
    front = text("24 settings").partition("Each setting, seed by seed A dot")[0]
    assert all(f"{name}: {verdict} , difference" in front for name, verdict in decided.items())
    assert f"For the other {23 - len(decided)} settings nothing is sure yet." in front
    told = {f"{name}: {verdict}" for name, verdict in decided.items()}
    assert {line for line in drawn(content, "differences-picture") if ": " in line} == told
    picture = svg(content, "differences-picture")
    assert set(re.findall(r"<text[^>]*font-weight: 700[^>]*>(.*?)</text>", picture, re.DOTALL)) == told
    assert set(re.findall(r'<tr class="bold"><th scope="row">(.*?)</th>', content)) == decided.keys()


@pytest.mark.parametrize(("name", "broken"), [
    ("train.initial_accumulator_value=0.05 a=1", "train.<wbr>initial_<wbr>accumulator_<wbr>value=0.05 a=1"),
    ("studies/a<b>/initial_accumulator.yaml", "studies/<wbr>a&lt;b&gt;/<wbr>initial_<wbr>accumulator.<wbr>yaml"),
])  # fmt: skip
def test_a_long_name_breaks_only_after_a_dot_or_an_underscore(name, broken):
    assert breakable(name) == broken


def test_the_curves_table_ends_where_the_curves_end():
    rows = cells(page("two settings"), "smooth_loss")
    assert (rows[0][0], rows[-1][0]) == ("0", "100,000")
    assert [float(rows[0][n]) for n in (1, 3)] == pytest.approx([95.5, 96.5], abs=0.1)  # the means of seeds 1 to 10


def test_a_name_can_not_act():
    ensure_whole(page("hostile names"))
    assert '</title><script>alert("1")</script> & $\\alpha$ 日本' in text("hostile names")
    assert not {"\u202e", "\x1b"} & set(page("hostile names"))


def test_each_measure_that_a_study_can_have_is_said_in_words():
    assert ABOUT.keys() >= {*Measure, *POINTS}
    measure = "held_out_bits_per_character"
    said = Page(results({"a": [1.0, 2.0], "b": [2.0, 4.0]}, measure=measure).page).text
    assert f"Measure: {measure}, {ABOUT[measure]}; lower is better." in said
    assert "Means and differences are in bits per character." in said
