"""A gate: when it passes, what it finds, and how often it errs."""

import json
import math

import numpy as np
import pytest
from compared import measured
from projects import called
from promises import COUNT, calibration, error, rng
from scipy import stats

from charloom.commands import cli
from paired import answered
from paired.data_types import BETTER, CANNOT_TELL, NO_DIFFERENCE, WORSE
from paired.gate import NOT_WORSE, PASSED, STOPPED, gate, lines

BASE = [2.0, 2.1, 1.9, 2.2, 2.05, 1.95]
NOISE = [0.01, -0.02, 0.015, -0.01, 0.005, 0.02]
WIDE = [0.3, -0.4, 0.1, -0.2, 0.35, -0.1]
LOST = [None, *[b - 0.2 for b in BASE[1:]]]  # the rest looks better than it is


def shifted(by: float, noise: list[float]) -> list[float]:
    return [b + by + x for b, x in zip(BASE, noise, strict=True)]


# by name: the setting's values, the verdict, and the exit codes of `better` and of `not-worse`, for a margin of 0.05
TABLES = {
    "far better": (shifted(-0.3, NOISE), BETTER, 0, 0),
    "just better": (shifted(-0.06, NOISE), BETTER, 0, 0),
    "far worse": (shifted(0.3, NOISE), WORSE, 1, 1),
    "just worse": (shifted(0.06, NOISE), WORSE, 1, 1),
    "hardly other": (shifted(0.002, NOISE), NO_DIFFERENCE, 1, 0),
    "a little worse": (shifted(0.02, NOISE), NO_DIFFERENCE, 1, 0),
    "anything": (shifted(0.0, WIDE), CANNOT_TELL, 6, 6),
    "perhaps worse": (shifted(0.15, WIDE), CANNOT_TELL, 6, 6),
    "better but for lost trials": (LOST, CANNOT_TELL, 6, 6),
    "not worse, and perhaps better": (shifted(-0.12, [x / 2 for x in WIDE]), CANNOT_TELL, 6, 0),
}


def written(folder, **settings) -> list[str]:
    """Write the table, and return the arguments of the command for it."""
    rows = [f"{name},{seed},{value}\n" for name, values in settings.items() for seed, value in enumerate(values)]
    (folder / "table.csv").write_text("".join(["of,seed,loss\n", *rows]).replace("None", "nan"))
    arguments = ["--setting", "of", "--seed", "seed", "--measure", "loss", "--better", "lower"]
    return ["charloom", "compare", "--table", str(folder / "table.csv"), *arguments]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_ends_with_the_exit_code_of_its_verdict(tmp_path, name):
    """And a copy of its baseline makes no difference in any of them, with a margin and without."""
    values, verdict, better, not_worse = TABLES[name]
    command = [*written(tmp_path, base=BASE, new=values), "--smallest-difference", "0.05"]
    for required, code in (("better", better), (NOT_WORSE, not_worse)):
        ended, printed, complaint = called(cli.main, *command, "--require", required, "--format", "json")
        (compared,) = json.loads(printed)["comparisons"]
        assert (compared["verdict"], ended, bool(complaint)) == (verdict, code, code > 0)
    for margin in ([], ["--smallest-difference", "0.05"]):
        both = [*written(tmp_path, base=BASE, new=values, copy=BASE), *margin]
        ended, printed, _ = called(cli.main, *both, "--format", "json", "--require", "better")
        assert [each["result"] for each in json.loads(printed)["gate"]["settings"]][1:] == [STOPPED]
        assert json.loads(printed)["comparisons"][1]["verdict"] == NO_DIFFERENCE
        alone = [*written(tmp_path, base=values, copy=values), *margin]
        assert called(cli.main, *alone, "--require", "better")[0] == 1
        assert called(cli.main, *alone, "--require", NOT_WORSE)[0] == 0


@pytest.mark.parametrize(("better", "sign"), [("lower", 1), ("higher", -1)])
def test_the_worse_side_turns_with_what_is_better(better, sign):
    perhaps_better = [b + sign * x for b, x in zip(BASE, (-0.3, 0.0, -0.2, 0.01, -0.25, 0.02), strict=True)]
    settings = {"base": BASE, "new": perhaps_better}
    of = measured(settings, better=better, smallest_difference=0.05)
    assert answered(of).comparisons[0].verdict == CANNOT_TELL
    assert gate(answered(of), NOT_WORSE).result == PASSED
    turned = of._replace(better="higher" if better == "lower" else "lower")
    assert gate(answered(turned), NOT_WORSE).result == CANNOT_TELL


def test_all_settings_have_to_pass():
    settings = {"base": BASE, "better": shifted(-0.3, NOISE), "open": shifted(0.0, WIDE), "worse": shifted(0.3, NOISE)}
    for left_out, result in (("", STOPPED), ("worse", CANNOT_TELL), ("open", STOPPED)):
        of = measured({name: x for name, x in settings.items() if name != left_out}, smallest_difference=0.01)
        assert gate(answered(of), BETTER).result == result
    of = measured({name: settings[name] for name in ("base", "better")})
    assert gate(answered(of), BETTER).result == PASSED


@pytest.mark.parametrize("n", [2, 3, 6, 20])
def test_what_it_finds_with_four_fifths_is_that_of_the_noncentral_t(n):
    values = np.random.default_rng(n).normal(size=n)
    of = measured({"base": [0.0] * n, "new": list(values)}, smallest_difference=0.7)
    answer = answered(of)
    for requirement in (BETTER, NOT_WORSE):
        (checked,) = gate(answer, requirement).settings
        root, limit = math.sqrt(n) / values.std(ddof=1), stats.t.ppf(0.975, n - 1)
        assert checked.finds >= 0.7
        assert stats.nct(n - 1, checked.finds * root).sf(limit) >= 0.8 - 1e-4
        if checked.finds > 0.7:
            assert stats.nct(n - 1, checked.finds * root).sf(limit) == pytest.approx(0.8, abs=1e-4)
    assert checked.lets == pytest.approx(stats.nct(n - 1, 0.7 * root).sf(limit), abs=1e-6)


def test_its_power_is_printed_or_that_it_is_not_known():
    of = measured({"base": BASE, "new": shifted(0.0, WIDE)}, smallest_difference=0.1)
    head, line = lines(gate(answered(of), NOT_WORSE))
    assert head == "Required: not worse than the baseline. Cannot tell yet."
    assert "new: cannot tell yet; with 6 seeds the gate finds a difference of 0.42 with probability 0.8" in line
    of = measured({"base": [1.0], "new": [1.1]})
    assert lines(gate(answered(of), BETTER))[1].endswith(
        "the power of the gate is unknown: no look is reached, or there are fewer than two pairs"
    )


def test_its_power_is_that_of_the_look_that_decides_not_of_seeds_after_it():
    wide = {"base": BASE[:5], "new": shifted(0.0, WIDE)[:5]}
    six = lines(gate(answered(measured({**wide}, looks=(3, 6))), BETTER))[1]
    three = lines(gate(answered(measured({name: row[:3] for name, row in wide.items()}, looks=(3, 6))), BETTER))[1]
    assert six == three
    assert "with 3 seeds the gate finds" in six
    first = measured({name: row[:2] for name, row in wide.items()}, looks=(3, 6))
    assert "the power of the gate is unknown: no look is reached" in lines(gate(answered(first), BETTER))[1]


def test_a_spread_next_to_nothing_lets_all_pass_that_is_not_worse():
    of = measured({"base": [0.0] * 40, "new": [1e-6 * (-1) ** i for i in range(40)]}, smallest_difference=1.0)
    assert gate(answered(of), NOT_WORSE).settings[0].lets == 1.0


@pytest.mark.slow
@pytest.mark.parametrize(("requirement", "smallest"), [(BETTER, 1.0), (NOT_WORSE, 1.0), (NOT_WORSE, 2.5)])
def test_what_it_finds_is_found_so_often(requirement, smallest):
    """But for one in forty whose interval lies within the smallest difference."""
    sign = -1.0 if requirement == BETTER else 1.0
    size = max(1.682, smallest)  # sds, of five seeds
    shares = calibration.gated(rng(), COUNT, (5,), sign * size, requirement, smallest)
    right = shares.passed if requirement == BETTER else shares.stopped
    assert right > 0.8 - 0.025 - error(0.8)


@pytest.mark.slow
@pytest.mark.parametrize("looks", [(5,), (3, 5, 10)])
@pytest.mark.parametrize(("requirement", "effect"), [(BETTER, 0.0), (NOT_WORSE, 1.5)])
def test_it_passes_wrongly_in_one_of_forty_cases_at_most(requirement, effect, looks):
    """At no difference at all, and at one on the worse side that just matters; looked at after each look."""
    assert 0.0 < calibration.gated(rng(), COUNT, looks, effect, requirement, 1.5).passed < 0.025 + error(0.025)
