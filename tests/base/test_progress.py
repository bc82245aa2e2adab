"""Long work says how far it is, and about how long the rest takes, from its first seconds on."""

import pytest

from charloom.base import progress as module
from charloom.base.progress import progress
from charloom.proof.rebuild import PROGRESS


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test sets."""
    seconds = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: seconds[0])
    return seconds


def test_what_is_expected_counts_until_something_is_done_and_then_that(clock, capsys):
    with progress("a", 10, expected=100.0) as report:
        for seconds, done in ((0, 0), (5, 0), (20, 0), (40, 1), (45, 1), (90, 5), (100, 10)):
            clock[0] = seconds
            report(done, "a note")
    assert capsys.readouterr().out.splitlines() == [
        "a: 0 of 10  about 80 s left  a note",
        "a: 1 of 10  about 6 min left  a note",
        "a: 5 of 10  about 90 s left  a note",
    ]


def test_a_single_long_unit_is_estimated_by_its_own_fraction_and_not_by_what_was_expected(clock, capsys):
    with progress("a", 1, expected=10.0) as report:
        for seconds in range(0, 101, 20):
            clock[0] = seconds
            report(seconds / 100, "")
    assert [line.split("about ")[1] for line in capsys.readouterr().out.splitlines()] == [
        "80 s left  ", "60 s left  ", "40 s left  ", "20 s left  ",
    ]  # fmt: skip


def test_a_first_report_that_comes_late_counts_what_was_done_until_then(clock, capsys):
    """A trial may end before its study looks: also the only one, after which nothing is left to estimate."""
    with progress("a", 4, expected=400.0) as report:
        clock[0] = 20
        report(1, "")
    assert capsys.readouterr().out == "a: 1 of 4  about 60 s left  \n"
    with progress("a", 1, expected=10.0) as report:
        report(1, "")
    assert capsys.readouterr().out == ""


def test_what_was_done_before_took_no_time_and_without_an_estimate_nothing_is_said(clock, capsys):
    with progress("a", 10, before=4) as report:
        for seconds, done in ((0, 4), (30, 4), (60, 7)):
            clock[0] = seconds
            report(done, "")
    assert capsys.readouterr().out == "a: 7 of 10  about 60 s left  \n"


def test_whoever_rebuilds_a_training_passes_its_progress_on(clock, capsys):
    """`charloom study --prove` and `charloom verify` print the lines of the stages that they run, and no others."""
    for name in ("train", "compare with the text"):
        with progress(name, 100_000) as report:
            for clock[0], done in ((0, 0), (11, 57_152)):
                report(done, "smooth loss 55.573")
            clock[0] = 0
        (line,) = capsys.readouterr().out.splitlines()
        assert PROGRESS.match(line)
    for other in ("Running stage 'train':", "> python src/train.py", "Generating lock file 'dvc.lock'"):
        assert not PROGRESS.match(other)
