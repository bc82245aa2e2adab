"""A gate: when it passes, and how often it errs."""

import json
from dataclasses import replace

import pytest
from comparisons import measured
from promises import COUNT, calibration, error, rng

from seedpairs import answered
from seedpairs.cli import main
from seedpairs.data_types import BETTER, CANNOT_TELL, NO_DIFFERENCE, WORSE
from seedpairs.gate import NOT_WORSE, PASSED, STOPPED, gate, lines

BASE = [2.0, 2.1, 1.9, 2.2, 2.05, 1.95]
NOISE = [0.01, -0.02, 0.015, -0.01, 0.005, 0.02]
WIDE = [0.3, -0.4, 0.1, -0.2, 0.35, -0.1]
LOST = [None, *[b - 0.2 for b in BASE[1:]]]  # the rest looks better than it is


def shifted(by: float, noise: list[float]) -> list[float]:
    return [b + by + x for b, x in zip(BASE, noise, strict=True)]


# The setting's values, the verdict, and the exit codes of `better` and of `not-worse`, for a margin of 0.05.
@pytest.mark.parametrize(("values", "verdict", "codes"), [
    (shifted(-0.3, NOISE), BETTER, (0, 0)),
    (shifted(-0.06, NOISE), BETTER, (0, 0)),
    (shifted(0.06, NOISE), WORSE, (1, 1)),
    (shifted(0.02, NOISE), NO_DIFFERENCE, (1, 0)),
    (shifted(0.0, WIDE), CANNOT_TELL, (6, 6)),
    (LOST, CANNOT_TELL, (6, 6)),
    (shifted(-0.12, [x / 2 for x in WIDE]), CANNOT_TELL, (6, 0)),
])  # fmt: skip
def test_a_table_ends_with_the_exit_code_of_its_verdict(tmp_path, capsys, values, verdict, codes):
    """And a copy of its baseline makes no difference in any of them, with a margin and without."""

    def ended(*options, **settings):
        rows = [f"{of},{seed},{value}\n" for of, values in settings.items() for seed, value in enumerate(values)]
        (tmp_path / "table.csv").write_text("".join(["of,seed,loss\n", *rows]).replace("None", "nan"))
        columns = ["--setting", "of", "--seed", "seed", "--measure", "loss", "--better", "lower"]
        with pytest.raises(SystemExit) as ended:
            main([str(tmp_path / "table.csv"), *columns, "--format", "json", "--require", *options])
        return ended.value.code, json.loads(capsys.readouterr().out)

    for required, code in zip((BETTER, NOT_WORSE), codes, strict=True):
        exit_code, answer = ended(required, "--smallest-difference", "0.05", base=BASE, new=values)
        assert (exit_code, answer["comparisons"][0]["verdict"]) == (code, verdict)
    for margin in ([], ["--smallest-difference", "0.05"]):
        answer = ended(BETTER, *margin, base=BASE, new=values, copy=BASE)[1]
        copy = answer["gate"]["settings"][1]
        assert (copy["result"], copy["verdict"]) == (STOPPED, NO_DIFFERENCE)
        assert [ended(required, *margin, base=values, copy=values)[0] for required in (BETTER, NOT_WORSE)] == [1, 0]


@pytest.mark.parametrize("unit", [1e140, 1e-290, 1e-300, 1e-312])
def test_a_verdict_does_not_depend_on_the_unit_of_the_values(unit):
    new = shifted(2.0, NOISE)
    answer = answered(measured({"base": [b * unit for b in BASE], "new": [b * unit for b in new]}))
    assert [answer.comparisons[0].verdict, gate(answer, NOT_WORSE).result] == [WORSE, STOPPED]


@pytest.mark.parametrize(("better", "sign"), [("lower", 1), ("higher", -1)])
def test_the_worse_side_turns_with_what_is_better(better, sign):
    perhaps_better = [b + sign * x for b, x in zip(BASE, (-0.3, 0.0, -0.2, 0.01, -0.25, 0.02), strict=True)]
    of = measured({"base": BASE, "new": perhaps_better}, better=better, smallest_difference=0.05)
    assert answered(of).comparisons[0].verdict == CANNOT_TELL
    assert gate(answered(of), NOT_WORSE).result == PASSED
    turned = replace(of, better="higher" if better == "lower" else "lower")
    assert gate(answered(turned), NOT_WORSE).result == CANNOT_TELL


def test_all_settings_have_to_pass_and_each_has_a_line():
    settings = {"base": BASE, "better": shifted(-0.3, NOISE), "open": shifted(0.0, WIDE), "worse": shifted(0.3, NOISE)}
    for others, result in (("open", "worse"), STOPPED), (("open",), CANNOT_TELL), (("worse",), STOPPED), ((), PASSED):
        of = measured({name: settings[name] for name in ("base", "better", *others)}, smallest_difference=0.01)
        assert gate(answered(of), BETTER).result == result
    of = measured({"base": BASE, "worse": shifted(0.02, NOISE), "open": shifted(0.0, WIDE)}, smallest_difference=0.05)
    assert lines(gate(answered(of), NOT_WORSE)) == [
        "Required: not worse than the baseline. Cannot tell yet.",
        f"worse: passed ({NO_DIFFERENCE})",
        "open: cannot tell yet",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("looks", [(5,), (3, 5, 10)])
@pytest.mark.parametrize(("requirement", "effect"), [(BETTER, 0.0), (NOT_WORSE, 1.5)])
def test_it_passes_wrongly_in_one_of_forty_cases_at_most(requirement, effect, looks):
    """At no difference at all, and at one on the worse side that just matters; looked at after each look."""
    assert 0.0 < calibration.gate_shares(rng(), COUNT, looks, effect, requirement, 1.5).passed < 0.025 + error(0.025)
