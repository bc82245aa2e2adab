"""Verdicts on the parts of a program, the findings in a verdict, and the report that contains all verdicts."""

import html
import json
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
RIGHT, WRONG, UNCHECKED = "right", "wrong", "not checked"
AGAIN = "the second call with the same arguments returns something else: the program keeps a state between calls"


class Unreadable(Exception):
    """A part of a program, a file or an option cannot be read: for instance, a call fails or returns a wrong shape."""


class Finding(NamedTuple):
    """A fault or a difference that the check found in a part of the program.

    sentences  one sentence that says what the program does, or alternatives that explain the results equally well
    place      names of the equations in README.md that the author should compare, such as d_t; "" if none
    named      whether the sentences are known faults that explain the results; if not, they say where results differ
    """

    sentences: tuple[str, ...]
    place: str = ""
    named: bool = True

    def __str__(self) -> str:
        """Return the finding as text."""
        text = f"either {'; or '.join(self.sentences)}" if len(self.sentences) > 1 else self.sentences[0]
        return text[:1].upper() + text[1:] + "." + (f" Compare the equation of {self.place}." if self.place else "")


class Verdict(NamedTuple):
    """The verdict on a part of the program: `gradients`, `step`, `losses`, `following` or `sample`.

    `result` is RIGHT, WRONG or UNCHECKED; `about` is a few words, such as the wrong matrices or why the part is not
    checked; `findings` say what is wrong, and `notes` what is remarkable but not wrong.
    """

    part: str
    result: str
    about: str = ""
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


class Report(NamedTuple):
    """The verdicts on all parts of a program."""

    parts: tuple[Verdict, ...]

    @property
    def right(self) -> bool:
        """Whether at least one part is right, and no part is wrong."""
        results = {verdict.result for verdict in self.parts}
        return RIGHT in results and WRONG not in results

    @property
    def findings(self) -> list[str]:
        """The findings of all parts, as text."""
        return [f"{verdict.part}: {finding}" for verdict in self.parts for finding in verdict.findings]

    @property
    def unchecked(self) -> str:
        """The reasons why no part is checked, in one line; "" if at least one part is checked."""
        if any(verdict.result != UNCHECKED for verdict in self.parts):
            return ""
        reasons = [f"{verdict.part}: {verdict.about}" for verdict in self.parts if verdict.about != "not given"]
        return "; ".join(reasons) or "no part is given"

    def json(self) -> str:
        """Return the report as JSON in one line."""
        findings = [[f._asdict() | {"text": str(f)} for f in verdict.findings] for verdict in self.parts]
        parts = [verdict._asdict() | {"findings": f} for verdict, f in zip(self.parts, findings, strict=True)]
        return json.dumps({"right": self.right, "parts": parts}, ensure_ascii=False)

    def __str__(self) -> str:
        """Return a line for each part, then findings and notes."""
        lines = [f"{v.part:<9}  {v.result}" + (f": {v.about}" if v.about else "") for v in self.parts]
        return "\n".join(lines + [f"{v.part}: {text}" for v in self.parts for text in (*v.findings, *v.notes)])

    def __repr__(self) -> str:
        """Return results and findings in one line, for pytest."""
        return f"<{'; '.join([', '.join(f'{v.part} {v.result}' for v in self.parts), *self.findings])}>"

    def _repr_html_(self) -> str:
        """Return the report as an HTML table, which a notebook shows."""
        rows = [(v.part, v.result, "\n".join(map(str, (v.about, *v.findings, *v.notes)))) for v in self.parts]
        style = "text-align: left; white-space: pre-line"
        cells = ["".join(f"<td style='{style}'>{html.escape(cell)}</td>" for cell in row) for row in rows]
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


class CallResults:
    """The results of the calls of one part: `results(first, last)` yields those of the calls first to last − 1.

    changed   whether a call changed its arguments
    reseeded  whether a call itself set the seed of np.random or random, which `check` had seeded before the call
    """

    def __init__(self, values: Sequence[Any] = ()) -> None:
        """Store the results of the calls.

        `result(n)` returns the result of call n or raises Unreadable. Callers may replace this function.
        """
        self.result: Callable[[int], Any] = values.__getitem__
        self.changed = self.reseeded = False

    def __call__(self, first: int, last: int) -> Iterator[Any]:
        """Yield the results of the calls first to last − 1.

        Copy each result before the next is computed, because a program may return the same array again.
        """
        return map(self.result, range(first, last))


@cache
def faults() -> dict[str, Any]:
    """Return the content of faults.toml: a sentence for each known fault, by stage or part and the fault's key."""
    return tomllib.loads(Path(__file__).with_name("faults.toml").read_text(encoding="utf-8"))


def sentence(choice: Mapping[str, str]) -> str:
    """Return one sentence that describes the faults in `choice`, which has a fault's key for each wrong stage."""
    return "; and ".join(faults()[stage][key] for stage, key in choice.items())


def same(first: Iterable[Array], second: Iterable[Array]) -> bool:
    """Return whether two lists of arrays are equal except for rounding. NaN equals NaN."""
    pairs = zip(first, second, strict=True)
    return all(np.allclose(*pair, rtol=1e-5, atol=1e-7, equal_nan=True) for pair in pairs)


def common(reports: Iterable[Report]) -> list[str]:
    """Return a line for each named fault that several reports have, the most frequent first."""
    counts = Counter[str]()
    for report in reports:
        counts.update(
            {f"{v.part}: {says}" for v in report.parts for f in v.findings if f.named for says in f.sentences}
        )
    return [f"{count} programs: {text}" for text, count in counts.most_common() if count > 1]
