"""Long work says how far it is, and about how long the rest takes, from its first seconds on."""

import pytest

from charloom.base import progress as module
from charloom.base.progress import progress


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


def test_what_was_done_before_took_no_time_and_without_an_estimate_nothing_is_said(clock, capsys):
    with progress("a", 10) as report:
        for seconds, done in ((0, 4), (30, 4), (60, 7)):
            clock[0] = seconds
            report(done, "")
    assert capsys.readouterr().out == "a: 7 of 10  about 60 s left  \n"
