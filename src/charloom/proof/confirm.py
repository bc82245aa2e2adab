"""Confirm rows of a study: compare them with result lines that reports/live.html prints (see pages/live/line.py).

A line shows that its author and the table agree. It proves no training, because a line can be computed from the table.
Nothing is trained, and no file is written. Anybody may have written the text, so a message shows numbers from a line,
but no part of its text.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from charloom.core.base.errors import CheckFailed, WrongInput
from charloom.core.base.words import in_line, listed, number_of
from charloom.core.base.yaml12 import NO_YAML, scalar_value
from charloom.core.config.params import flat_of
from charloom.pages.live.line import determining, digest_of_others, short, version
from charloom.results.run import Run
from charloom.study.study_file import Study

LINES, BYTES, SHOWN = 10_000, 1000, 12  # most lines of a text, bytes of a line, and seeds in a message
WHOLE = re.compile(r"(charloom:(?:(?!charloom:)[!-~ ]){1,300}?) check:([0-9a-f]{8})")
PART = re.compile(r"charloom:[0-9a-f]|check:[0-9a-f]{8}", re.IGNORECASE)  # of a damaged line
CONTENT = re.compile(
    r"charloom:([0-9a-f]{8}) [\w.-]*:([0-9a-f]{8})((?: [\w.]+=[\w.][\w.+-]*)*) seed=([0-9]{1,20}) rest:([0-9a-f]{8}) "
    r"(?:bits:(?:none|([0-9]+(?:\.[0-9]+)?(?:e[+-][0-9]+)?)) results:([0-9a-f]{16})|diverged:([0-9]{1,16}))", re.ASCII
)  # fmt: skip
AGREEMENT = "a line shows agreement with a row, and proves no training: it can be computed from trials.csv"
End = tuple[float | None, str]  # the held-out bits of a training, and its results or its divergence in words


def check_lines(study: Study, texts: Iterable[str | None], source: str) -> None:
    """Compare lines with the study's rows; print the numbers of confirmed and contradicted rows, and of faulty lines.

    texts   the lines of a text, which may have other content; None stands for a line longer than BYTES
    source  name of the text for messages: a file, or `standard input`

    Raises CheckFailed if a line contradicts a row. Raises WrongInput if the text has no whole line of the live page
    about a setting of the study.
    """
    faults, ends, page = Counter[str](), defaultdict[str, list[tuple[int, End]]](list), version()
    for text in texts:
        faults[f"longer than {BYTES:,} bytes"] += text is None
        faults["damaged"] += bool(PART.search(WHOLE.sub(" ", text or "")))
        for content, check in WHOLE.findall(text or ""):
            line = CONTENT.fullmatch(content)
            if short(content.encode()) != check:
                faults["damaged"] += 1
            elif not line or line[1] != page:
                faults["of another version"] += 1
            elif not (setting := _setting(study, *line.group(2, 3, 5))):
                faults["of other settings or another text"] += 1
            else:
                end = f"results {line[7]}" if line[7] else f"diverged at update {line[8]}"
                ends[setting].append((int(line[4]), (float(line[6]) if line[6] else None, end)))
    others = ", ".join(f"{number_of(count, 'line')} {kind}" for kind, count in (+faults).items())
    if not ends:
        no_line = "contains no result line of reports/live.html"
        no_line += f" about {in_line(str(study.path))}" * bool(others)
        raise WrongInput(f"{source}: {no_line}; {others or 'allowed is a text in UTF-8'}")
    contradicted = sum(_print_rows(study, setting, ends[setting]) for setting in study.settings if setting in ends)
    if others:
        print(others)
    print(AGREEMENT)
    if contradicted:
        raise CheckFailed(f"{number_of(contradicted, 'row')} of {in_line(str(study.path))} contradicted by a line")


def _setting(study: Study, text: str, settings: str, rest_digest: str) -> str:
    """Return the name of the study's setting that a line is about; "" if there is none.

    text         the first digits of the text's SHA-256 in the line
    settings     the params that the line names, as ` a=1 b=2`
    rest_digest  the line's digest of all other params
    """
    try:
        shown = {name: scalar_value(value) for name, value in (pair.split("=") for pair in settings.split())}
    except NO_YAML:
        return ""
    for setting, params in study.settings.items() if study.frozen.sha256.startswith(text) else ():
        if shown.items() <= flat_of(params).items() and digest_of_others(determining(params), shown) == rest_digest:
            return setting
    return ""


def _print_rows(study: Study, setting: str, lines: list[tuple[int, End]]) -> int:
    """Print the rows of a setting that the lines confirm or contradict, and the seeds of lines without a row.

    lines  pairs of a seed and the end of its training

    Returns the number of contradicted rows.
    """
    trials = [trial for trial in study.trials()[setting] if trial.key in study.runs]
    rows = {trial.params.seed: _end(study.runs[trial.key]) for trial in trials}
    equal = [seed for seed, end in lines if rows.get(seed) == end]
    against = {seed: _contradiction(seed, end, rows[seed]) for seed, end in lines if rows.get(seed, end) != end}
    lacking = listed(map(str, sorted({seed for seed, _ in lines} - rows.keys())), SHOWN)
    confirmed = f"{len({*equal}):,} of {number_of(len(rows), 'row')} of {in_line(setting)} confirmed to the last bit"
    shown = "".join(against[seed] for seed in sorted(against)[:SHOWN])
    print(f"{confirmed}, by {number_of(len(equal), 'line')}{shown}{f'; no row has seed {lacking}' * bool(lacking)}")
    return len(against)


def _end(run: Run) -> End:
    if not run.metrics:
        return None, run.outcome
    return run.metrics.held_out_bits_per_character, f"results {run.results[:16]}"


def _contradiction(seed: int, line: End, row: End) -> str:
    """Return how a line and a row with the same seed differ: `; seed 12: 2.71 in a line, 2.69 in the row`.

    The numbers are the held-out bits, with as many digits as show that they differ. If the bits are equal or missing,
    the hashes of the results, or the divergence, are shown instead.
    """
    (line_bits, end), (row_bits, other_end) = line, row
    one_diverged = end != other_end and None in {line_bits, row_bits}
    digits = range(3, 3 if one_diverged else 18)
    pairs = ([f"{x:.{n}g}" if x is not None else "no bits" for x in (line_bits, row_bits)] for n in digits)
    line_shown, row_shown = next((pair for pair in pairs if pair[0] != pair[1]), (end, other_end))
    return f"; seed {seed}: {line_shown} in a line, {row_shown} in the row"
