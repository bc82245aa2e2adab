"""What is known of a comparison is said in every format, the same everywhere, and harmless."""

import csv
import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charloom.study.formats import FORMATS, as_csv, as_json, as_markdown, as_text
from paired import sentences as words
from paired.data_types import BETTER, CANNOT_TELL, NO_DIFFERENCE, WORSE, Answer, Band, Comparison, Summary

BASE, OTHER = "train.initial_accumulator_value=0", "train.initial_accumulator_value=10"


def summary(setting: str, **other) -> Summary:
    known = Summary(setting, 10, 10, 2.84231, 0.0312, (2.8200, 2.8646), 0, 0, None)
    return known._replace(**other)


def comparison(setting: str = OTHER, **other) -> Comparison:
    known = Comparison(
        setting, 10, dict.fromkeys(range(10), -0.1), -0.10391, 0.05, (-0.14134, -0.06648), 0.95, (-0.14134, -0.06648),
        0.12, (-0.15, -0.05), 0.0002, 0.0002, 0.002, BETTER, None, None, None, (),
    )  # fmt: skip
    return known._replace(**other)


def answer(*comparisons: Comparison, summaries: list[Summary] | None = None, **other) -> Answer:
    comparisons = comparisons or (comparison(),)
    summaries = summaries or [summary(BASE), *(summary(each.setting) for each in comparisons)]
    known = Answer("loss", "lower", BASE, (), None, "", summaries, list(comparisons), {}, ())
    return known._replace(**other)


def text(given: Answer, width: int = 80) -> str:
    """Return the report with its line breaks undone."""
    return " ".join(as_text(given, width).split())


def every_text(given: Answer) -> list[str]:
    return [text(given), as_markdown(given).replace("\\", "")]


def test_a_difference_stands_beside_its_intervals_with_equal_digits():
    for said in every_text(answer(comparison(tested_level=0.99, tested_interval=(-0.15766, -0.05016)))):
        assert "difference -0.104 (lower), 95 % interval -0.141 to -0.066, 10 seeds" in said
        assert "tested at 99 %: interval -0.158 to -0.050" in said
        assert "unpaired (Welch): 95 % interval -0.150 to -0.050; correlation of the pairs: 0.12" in said


def test_the_answer_in_a_line_names_few_settings_and_counts_many():
    many = [comparison(f"m={m}", verdict=CANNOT_TELL) for m in range(4)]
    given = answer(*many, comparison("eta=1", verdict=WORSE), comparison("eta=2"), comparison("eta=3"))
    for said in every_text(given):
        assert "better: eta=2, eta=3; worse: eta=1; cannot tell yet: 4 settings" in said


def test_an_interval_that_was_tested_at_the_usual_level_is_said_once():
    assert "tested at" not in text(answer())


@pytest.mark.parametrize("name", [BASE, "eta=0.1 m=100 seq_length=25 sigma=0.01 " * 5, "x" * 300, "名前=値"])
@pytest.mark.parametrize("width", [40, 80, 120])
def test_it_fits_the_terminal_with_every_name_whole(name, width):
    each = comparison(name, tested_level=0.99, warnings=("One pair carries half of the difference. " * 5,))
    lines = as_text(answer(each, warnings=("a warning of many words " * 9,)), width).splitlines()
    assert max(map(len, lines)) <= width
    assert name.replace(" ", "") in "".join("".join(lines).split())


@pytest.mark.parametrize("form", ["text", *FORMATS])
def test_statistic_level_n_and_looks_are_in_every_format(form):
    given = answer(looks=(3, 5, 10), smallest_difference=0.01)
    said = as_text(given, 120) if form == "text" else FORMATS[form](given)
    assert "Student's t, two-sided, paired by seed" in said.replace("\\", "")
    assert "0.95" in said or "95 %" in said
    for number in ("3", "5", "10", "0.01"):
        assert number in said


def test_whoever_reads_it_first_learns_how_it_was_decided():
    one, many = (
        answer(),
        answer(comparison(), comparison("c"), comparison("d"), looks=(3, 10), smallest_difference=0.02),
    )
    for said in every_text(one):
        assert "at most 5 of 100 answers claim one." in said
        assert "none declared, so this is the only one" in said
        assert "Holm" not in said
        assert f"`{NO_DIFFERENCE}` is never the answer" in said
    for said in every_text(many):
        assert "claim one, all settings and looks together" in said
        assert "at 3 and 10 seeds, as declared; a p counts 2 times" in said
        assert "3 settings have 3 chances of a false alarm: of their p, the smallest counts 3 times" in said
        assert "an interval inside -0.02 to 0.02 has none" in said


MORE = {
    (BETTER, None): "better", (WORSE, None): "worse", (NO_DIFFERENCE, None): NO_DIFFERENCE,
    (CANNOT_TELL, (7, 20)): "cannot tell yet, about 7 to 20 more seeds",
    (CANNOT_TELL, (7, None)): "cannot tell yet, at least about 7 more seeds",
    (CANNOT_TELL, (1, None)): "cannot tell yet, at least about 1 more seed",
    (CANNOT_TELL, (7, 7)): "cannot tell yet, about 7 more seeds",
    (CANNOT_TELL, (1, 1)): "cannot tell yet, about 1 more seed",
    (CANNOT_TELL, None): "cannot tell yet",
}  # fmt: skip


@pytest.mark.parametrize(("verdict", "more"), MORE)
def test_a_verdict_that_has_not_fallen_says_how_many_more_seeds(verdict, more):
    for said in every_text(answer(comparison(verdict=verdict, more_seeds=more))):
        assert f"{OTHER}: {MORE[verdict, more]}" in said


def test_the_number_of_more_seeds_comes_with_what_one_may_do_with_it():
    open_one = comparison(verdict=CANNOT_TELL, more_seeds=(7, 20))
    for said in every_text(answer(open_one)):
        assert "would tell, with probability 0.8. A test after more seeds here would be a look that nobody" in said
        assert "for a new study, with seeds that are not used here" in said
    for said in every_text(answer(open_one, looks=(3, 10))):
        assert "Up to 10 seeds, the last look, they belong to this study. Beyond it they are for a new study" in said
    assert "More seeds" not in text(answer())


def test_tests_that_decide_nothing_are_said_in_words_where_they_stand():
    bare = comparison(welch_interval=None, correlation=None)
    for said in ("Unpaired (Welch): the interval of the difference", "Correlation of the pairs: 1 where"):
        assert said in text(answer())
        assert said not in text(answer(bare))


def test_a_column_of_differences_has_equal_decimals_and_the_p_that_decides():
    wide = comparison("b", mean_difference=-1.5, interval=(-4.0, 1.0), adjusted_p=0.25)
    rows = list(words.table(answer(comparison(adjusted_p=0.0018), wide)))
    assert [row[5:8] for row in rows] == [
        ("", "", ""), ("-0.104", "-0.141 to -0.066", "0.0018"), ("-1.500", "-4.000 to 1.000", "0.25"),
    ]  # fmt: skip


def test_below_six_seeds_it_is_said_that_sign_flips_cannot_tell():
    assert "sign flips: p 0.002" in text(answer())
    assert "sign flips: cannot reach 0.05 below 6 seeds" in text(answer(comparison(n=5, sign_flip_p=None)))


def test_a_p_that_was_corrected_is_said_beside_the_plain_one():
    assert "p 0.0002 sign" in text(answer())
    assert "p 0.0002; all settings and looks counted, 0.0018 sign" in text(answer(comparison(adjusted_p=0.0018)))


def test_explosions_and_the_target_are_counted_where_there_are_any():
    sides = [summary(BASE, exploded=4, reached=0, mean_time=1e5), summary(OTHER, reached=9, mean_time=77012.4)]
    each = comparison(exploded_p=0.0137, time_interval=(-24000.2, -21975.9))
    said = text(answer(each, summaries=sides, target="smooth loss below 40"))
    assert "exploded: 0 of 10, baseline 4 of 10; Boschloo's p 0.014" in said
    assert "smooth loss below 40: reached by 9 of 10, baseline 0 of 10" in said
    assert "after 77,012 updates, baseline 100,000; 95 % interval of the difference -24,000 to -21,976" in said
    assert "diverged, failed, or ended worse than a uniform guess" in said
    assert "Diverged: the loss or a gradient was no finite number any more" in said
    assert "xploded" not in text(answer())
    assert "after" not in text(answer(summaries=[summary(BASE, mean_time=9.0), summary(OTHER, mean_time=9.0)]))[:600]


def test_warnings_come_last_and_those_of_a_setting_with_it():
    given = answer(comparison(warnings=("half comes from one pair",)), warnings=("texts differ", "so do sources"))
    assert as_text(given, 80).endswith("\nwarning: texts differ\nwarning: so do sources\n")
    assert "  warning: half comes from one pair\n" in as_text(given, 80)


def test_what_is_not_known_is_left_out_or_a_dash():
    few = summary(OTHER, trials=1, n=0, mean=None, sd=None, interval=None)
    nothing = comparison(
        n=0, differences={}, mean_difference=None, sd=None, interval=None, tested_interval=None, correlation=None,
        welch_interval=None, p=None, adjusted_p=None, sign_flip_p=None, verdict=CANNOT_TELL,
    )  # fmt: skip
    given = answer(nothing, summaries=[summary(BASE), few])
    for said in every_text(given):
        assert "no seed has a value on both sides" in said
        assert "None" not in said
        assert "nan" not in said
    one = nothing._replace(n=1, mean_difference=-0.1)
    assert "difference -0.1000 (lower), 1 seed" in text(answer(one))
    for form in FORMATS.values():
        form(answer(one, nothing))


def test_a_table_that_is_too_wide_does_without_the_verdicts_before_it_breaks_a_name():
    for width, verdicts in ((72, False), (120, True)):
        (row,) = (line for line in as_text(answer(), width).splitlines() if line.startswith(f"{OTHER}  "))
        assert row.endswith(BETTER) == verdicts


def test_a_name_in_brackets_is_a_name():
    assert "\n[red]a[/red]  " in as_text(answer(comparison("[red]a[/red]")), 120)


HOSTILE = "a=\x1b[31m|<b>`x`\n*y* [z](w) \u202e"


def test_a_name_moves_no_terminal_and_is_no_markup():
    given = answer(comparison(HOSTILE, warnings=(HOSTILE,)), measure=HOSTILE, warnings=(HOSTILE,))
    for said in (as_text(given, 80), as_markdown(given)):
        assert all(character.isprintable() or character == "\n" for character in said)
    marked = as_markdown(given)
    rows = [line for line in marked.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {10}
    assert "<b>" not in marked.replace("\\<b\\>", "").replace("`a=\\x1b[31m\\|<b>'x'\\n*y* [z](w) \\u202e`", "")


def test_json_holds_all_of_the_answer_in_full():
    bands = {"smooth_loss": {OTHER: Band([0, 100], [-0.1, 1 / 3], [(-1.0, 0.0), (0.1, 0.4)])}}
    given = answer(bands=bands, looks=(3, 10))
    read = json.loads(as_json(given))
    (first,) = read["comparisons"]
    assert first["setting"] == OTHER
    assert (first["n"], first["mean_difference"], first["interval"]) == (10, -0.10391, [-0.14134, -0.06648])
    assert first["verdict"] == BETTER
    assert first["differences"][9] == {"seed": 9, "difference": -0.1}
    assert read["bands"]["smooth_loss"][OTHER]["means"] == [-0.1, 1 / 3]
    assert read["summaries"][0]["mean"] == 2.84231
    assert set(Answer._fields) <= set(read)
    assert set(Comparison._fields) == set(first)
    with pytest.raises(ValueError, match="JSON"):
        as_json(answer(comparison(p=math.nan)))


def test_csv_has_a_row_for_each_setting_and_reads_back():
    given = answer(comparison(), comparison("b=1,2", verdict=CANNOT_TELL, more_seeds=(7, None)))
    rows = list(csv.DictReader(io.StringIO(as_csv(given))))
    assert [row["setting"] for row in rows] == [BASE, OTHER, "b=1,2"]
    assert [row["verdict"] for row in rows] == ["", BETTER, CANNOT_TELL]
    assert float(rows[1]["difference_low"]) == -0.14134
    assert (rows[2]["more_seeds_least"], rows[2]["more_seeds_most"]) == ("7", "")
    assert {row["baseline"] for row in rows} == {BASE}


@given(st.floats(-1e300, 1e300), st.floats(1e-300, 1e300))
def test_every_size_of_number_is_written_so_that_it_is_near_and_short(value, spread):
    shown = words.shown(value, words.decimals([value], [spread]))
    assert len(shown) < 25
    assert float(shown.replace(",", "")) == pytest.approx(value, rel=1e-3, abs=spread)


def test_no_zero_has_a_minus_and_digits_are_those_that_the_spread_leaves():
    assert words.shown(-0.0001, 2) == "0.00"
    assert words.decimals([2.8], [0.0312, 1.98]) == 3
    assert words.decimals([123456.7], [3.0]) == 1
    assert words.decimals([1e9], [1e5]) == 0
