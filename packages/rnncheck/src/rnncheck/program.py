"""The verdicts on all parts of a program."""

from pathlib import Path

from charloom.core.base.errors import Unavailable
from charloom.core.base.storage import write
from rnncheck import gradient, guess, loop, sampler, steps
from rnncheck.process import Student, Unreadable
from rnncheck.verdicts import UNGRADED, Verdict

MAP = "map.py"
JUDGES = {
    "gradients": gradient.judge,
    "step": steps.judge,
    "losses": loop.judge,
    "following": sampler.following,
    "sample": sampler.sample,
}


def guessed(program: Path) -> Path:
    """Return the path of the program's guessed map: my_rnn_map.py for my_rnn.py."""
    return program.with_name(f"{program.stem}_map.py")


def map_of(program: Path) -> Path | None:
    """Return the program's map, my_rnn_map.py or map.py beside it, or None if it has none."""
    found = [path.resolve() for path in (guessed(program), program.with_name(MAP)) if path.is_file()]
    return found[0] if found and found[0] != program.resolve() else None


def graded(program: Path, mapped: Path | None, seconds: float) -> list[Verdict]:
    """Call the program, and return the verdict on each part. `seconds` limits the calls of a part.

    If the program has neither a map nor `gradients`, a map is guessed, and written beside the program.
    """
    text = "" if mapped else guess.found(program, seconds)
    if text:
        mapped = guessed(program)
        try:
            write(mapped, text)
        except Unavailable as error:
            return [Verdict(part, UNGRADED, str(error)) for part in JUDGES]
    verdicts = []
    with Student(program, mapped, seconds) as student:
        for part, judge in JUDGES.items():
            try:
                verdicts.append(judge(student))
            except Unreadable as error:
                verdicts.append(Verdict(part, UNGRADED, str(error)))
    if text:
        first = verdicts[0]
        verdicts[0] = first._replace(notes=(*first.notes, f"its map is a guess, which was written to {mapped}"))
    return verdicts
