"""Long work says how far it is, and about how long the rest takes."""

import pytest

from charloom.core.base import progress as module
from charloom.core.base.progress import progress
from charloom.proof.rebuild import PROGRESS


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test sets."""
    seconds = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: seconds[0])
    return seconds


CASES = {  # total, options, seconds with what is done then, and the lines
    "nothing is said until something is done": (
        10, {}, [(0, 0), (5, 0), (20, 0), (40, 1), (45, 1), (90, 5), (100, 10)],
        ["1 of 10  about 6 min", "5 of 10  about 90 s"],
    ),
    "a single long unit is estimated by its own fraction": (
        1, {}, [(seconds, seconds / 100) for seconds in range(0, 101, 20)],
        [f"0 of 1  about {left} s" for left in (80, 60, 40, 20)],
    ),
    "a first report that comes late counts what was done until then": (4, {}, [(20, 1)], ["1 of 4  about 60 s"]),
    "after the only unit nothing is left to estimate": (1, {}, [(20, 1)], []),
    "what was done before took no time": (
        10, {"before": 4}, [(0, 4), (30, 4), (60, 7)], ["7 of 10  about 60 s"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_rest_is_estimated(clock, capsys, name):
    total, options, reports, lines = CASES[name]
    with progress("a", total, **options) as report:
        for clock[0], done in reports:
            report(done, "a note")
    assert capsys.readouterr().out.splitlines() == [f"a: {line} left  a note" for line in lines]


def test_a_rebuild_passes_on_the_progress_of_its_training(clock, capsys):
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
