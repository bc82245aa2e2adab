"""The verdicts on all parts of a program."""

from pathlib import Path

from charloom.grading import gradient, loop, sampler, steps
from charloom.grading.process import Student, Unreadable
from charloom.grading.verdicts import UNGRADED, Verdict

JUDGES = {
    "gradients": gradient.judge,
    "step": steps.judge,
    "losses": loop.judge,
    "following": sampler.following,
    "sample": sampler.sample,
}


def graded(program: Path, mapped: Path | None, seconds: float) -> list[Verdict]:
    """Call the program, and return the verdict on each part. `seconds` limits the calls of a part."""
    verdicts = []
    with Student(program, mapped, seconds) as student:
        for part, judge in JUDGES.items():
            try:
                verdicts.append(judge(student))
            except Unreadable as error:
                verdicts.append(Verdict(part, UNGRADED, str(error)))
    return verdicts
