"""What an answer says in words and figures."""

import pytest
from answers import BASE, OTHER, answer, comparison, summary
from hypothesis import given
from hypothesis import strategies as st

from seedpairs import sentences, tables
from seedpairs.data_types import BETTER, CANNOT_TELL, NO_DIFFERENCE, WORSE, Analysis
from seedpairs.numbers import percent


def said(given: Analysis) -> list[str]:
    """Return what is said of its only comparison."""
    ((_, lines),) = sentences.comparisons(given)
    return lines


LINES = ["difference −0.104 (lower), 95 % interval −0.141 to −0.066, 10 seeds", "p 0.0002"]
NOTHING = comparison(
    n=0, differences={}, mean_difference=None, sd=None, interval=None, tested_interval=None, p=None, adjusted_p=None,
    verdict=CANNOT_TELL,
)  # fmt: skip
TESTED = comparison(tested_level=0.99, tested_interval=(-0.15766, -0.05016), adjusted_p=0.0018)
SAID = {  # a comparison, and what is said of it
    "an interval and a p that nothing corrects are said once": (comparison(), LINES),
    "a difference stands beside its intervals with equal digits": (
        TESTED, [LINES[0], "tested at 99 %: interval −0.158 to −0.050", "p 0.0002; corrected for all tests, 0.0018"],
    ),
    "a warning is last": (comparison(warnings=("of one pair",)), [*LINES, "warning: of one pair"]),
    "nothing is known": (NOTHING, ["no seed has a value on both sides"]),
    "one seed": (NOTHING._replace(n=1, mean_difference=-0.1), ["difference −0.1000 (lower), 1 seed"]),
    "a difference smaller than its interval is not 0": (
        comparison(mean_difference=-0.036, interval=(-1.079, 1.007)),
        ["difference −0.036 (lower), 95 % interval −1.079 to 1.007, 10 seeds", LINES[1]],
    ),
    "an end that is not 0 is not rounded to 0": (
        comparison(mean_difference=-0.1966, interval=(-0.3901, -0.0031), tested_interval=(-0.3901, -0.0031)),
        ["difference −0.197 (lower), 95 % interval −0.390 to −0.003, 10 seeds", LINES[1]],
    ),
    "nor an end at the tested level": (
        comparison(
            mean_difference=-0.3, interval=(-0.5, -0.1), tested_level=0.99, tested_interval=(-0.6, -0.0004),
        ),
        [
            "difference −0.3000 (lower), 95 % interval −0.5000 to −0.1000, 10 seeds",
            "tested at 99 %: interval −0.6000 to −0.0004", LINES[1],
        ],
    ),
    "rounding is 0": (
        comparison(mean_difference=-1e-17, interval=(-1.0, 1.0)),
        ["difference 0.0, 95 % interval −1.0 to 1.0, 10 seeds", LINES[1]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_a_comparison_is_told_by_its_numbers(name):
    one, lines = SAID[name]
    assert said(answer(one)) == lines


def test_the_answer_in_a_line_names_few_settings_and_counts_many():
    many = [comparison(f"m={m}", verdict=CANNOT_TELL) for m in range(4)]
    told = sentences.told(answer(*many, comparison("a", verdict=WORSE), comparison("b"), comparison("c")))
    assert told == "better: b, c; worse: a; cannot tell yet: 4 settings"


def test_one_line_says_how_the_verdicts_were_reached():
    assert sentences.method(answer()) == "Decided by Student's t, two-sided, paired by seed, at a level of 0.05."
    line = sentences.method(answer(looks=(3, 5, 10), smallest_difference=0.01))
    assert line.endswith("looks together; looks at 3, 5 and 10 seeds; differences below 0.01 do not matter.")


MANY = answer(comparison(), comparison("c"), comparison("d"), looks=(3, 10), smallest_difference=0.02)


@pytest.mark.parametrize(("given", "present", "absent"), [  # an answer, what its notes say, and what they do not say
    (answer(), "at most 5 of 100 answers claim one.", "Holm"),
    (answer(), "so the first answer is the only one", "More seeds"),
    (answer(), f"`{NO_DIFFERENCE}` is the answer only", "xploded"),
    (MANY, "claim one, all settings and looks together", "first answer"),
    (MANY, "at 3 and 10 seeds, as declared; each p is multiplied by 2", "none declared"),
    (MANY, "so the smallest of their p is multiplied by 3, the next by 2", "More seeds"),
    (MANY, "means an interval inside −0.02 to 0.02", "not declared"),
    (answer(comparison(verdict=CANNOT_TELL, more_seeds=(7, 20))),
     "with probability 0.8. Seeds up to the last declared look belong to this study. All", "Holm"),
])  # fmt: skip
def test_the_first_lines_say_how_the_verdicts_were_reached(given, present, absent):
    notes = " ".join(sentences.notes(given))
    assert (present in notes, absent in notes) == (True, False)


@pytest.mark.parametrize(("verdict", "more", "told"), [
    (BETTER, None, "better"), (WORSE, None, "worse"), (NO_DIFFERENCE, None, NO_DIFFERENCE),
    (CANNOT_TELL, (7, 20), "cannot tell yet, about 7 to 20 more seeds"),
    (CANNOT_TELL, (7, None), "cannot tell yet, at least about 7 more seeds"),
    (CANNOT_TELL, (1, 1), "cannot tell yet, about 1 more seed"), (CANNOT_TELL, None, "cannot tell yet"),
])  # fmt: skip
def test_a_verdict_that_has_not_fallen_says_how_many_more_seeds(verdict, more, told):
    given = answer(comparison(verdict=verdict, more_seeds=more))
    assert [title for title, _ in sentences.comparisons(given)] == [f"{OTHER}: {told}"]


def test_a_column_has_equal_decimals_the_deciding_p_and_a_dash_for_unknown_values():
    wide = comparison("b", mean_difference=-1.5, interval=(-4.0, 1.0), adjusted_p=0.25)
    rows = list(tables.table(answer(comparison(adjusted_p=0.0018), wide)))
    assert [row[5:8] for row in rows] == [
        ("", "", ""), ("−0.104", "−0.141 to −0.066", "0.0018"), ("−1.500", "−4.000 to 1.000", "0.25"),
    ]  # fmt: skip
    few = answer(NOTHING, summaries=[summary(BASE), summary(OTHER, trials=1, n=0, mean=None, sd=None, interval=None)])
    assert list(tables.table(few))[1] == (OTHER, "0", *["-"] * 6, CANNOT_TELL)
    small = comparison(mean_difference=-0.036, interval=(-1.079, 1.007))
    sides = [summary(BASE, mean=2.9, sd=0.4), summary(OTHER, mean=2.864, sd=0.81)]
    base, other = tables.table(answer(small, summaries=sides))
    assert (base[2], other[2], *other[5:7]) == ("2.900", "2.864", "−0.036", "−1.079 to 1.007")


def test_explosions_and_the_target_are_counted_where_there_are_any():
    sides = [summary(BASE, exploded=4, reached=0, mean_time=1e5), summary(OTHER, reached=9, mean_time=77012.4)]
    one = comparison(time_interval=(-24000.2, -21975.9))
    given = answer(one, summaries=sides, target="loss below 2")
    assert said(given)[2:] == [
        "loss below 2: reached by 9 of 10, baseline 0 of 10",
        "after 77,012 updates, baseline 100,000; 95 % interval of the difference −24,000 to −21,976",
        "exploded: 0 of 10, baseline 4 of 10",
    ]
    notes = " ".join(sentences.notes(given))
    assert "Exploded: came to nothing." in notes
    assert "counts with all its updates" in notes
    unreached = answer(summaries=[summary(BASE, mean_time=9.0), summary(OTHER, mean_time=9.0)])
    assert said(unreached) == said(answer())


@given(st.floats(-1e300, 1e300), st.floats(1e-300, 1e300))
def test_every_size_of_number_is_written_so_that_it_is_near_and_short(value, spread):
    shown = sentences.shown(value, sentences.decimals([value], [spread]))
    assert len(shown) < 25
    assert float(shown.replace(",", "").replace("−", "-")) == pytest.approx(value, rel=1e-3, abs=spread)


def test_no_zero_has_a_minus_and_digits_are_those_that_the_spread_leaves():
    assert sentences.shown(-0.0001, 2) == "0.00"
    numbers = [([0.036, 2.9], [1.05]), ([2.8], [0.0312, 1.98]), ([123456.7], [3.0]), ([1e9], [1e5])]
    assert [sentences.decimals(values, spreads) for values, spreads in numbers] == [3, 3, 1, 0]


def test_no_level_is_rounded_to_100_percent():
    levels = (0.8, 0.95, 1 - 0.05 / 72, 1 - 1e-6)
    assert [*map(percent, levels)] == ["80 %", "95 %", "99.931 %", "99.9999 %"]


@pytest.mark.parametrize("tested", [False, True])
def test_an_interval_that_decides_shows_on_which_side_of_0_it_ends(tested):
    own = comparison(mean_difference=-0.1966, interval=(-0.3901, -0.0031), tested_interval=None)
    assert sentences.places_of([own], tested=tested) == 3
