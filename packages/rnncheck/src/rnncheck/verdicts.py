"""The verdicts on the parts of a program, with findings."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from rnncheck.backward import Choice

RIGHT, WRONG, UNGRADED = "right", "wrong", "not graded"


class Finding(NamedTuple):
    """Something wrong in a part.

    sentences  what the program does: one sentence, or alternatives between which the results do not decide
    place      where the right thing stands in this repository, "" if nowhere
    named      the sentences are faults that explain the results; otherwise the sentence says where a difference begins
    """

    sentences: tuple[str, ...]
    place: str = ""
    named: bool = True

    def __str__(self) -> str:
        """Return the finding as text."""
        text = f"either {'; or '.join(self.sentences)}" if len(self.sentences) > 1 else self.sentences[0]
        return text[:1].upper() + text[1:] + "." + (f" Compare {self.place}." if self.place else "")


class Verdict(NamedTuple):
    """The verdict on a part: RIGHT, WRONG or UNGRADED, a few words, findings, and notes that accuse of nothing."""

    part: str
    result: str
    about: str = ""
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


@cache
def faults() -> dict[str, Any]:
    """Return the content of faults.toml."""
    return tomllib.loads(Path(__file__).with_name("faults.toml").read_text(encoding="utf-8"))


def sentence(choice: Choice) -> str:
    """Return the sentences of the faults as one."""
    return "; and ".join(faults()[stage][key] for stage, key in choice.items())
