"""Format a comparison's answer as text for a terminal, Markdown, LaTeX or JSON."""

import json
import re
from collections.abc import Iterable, Sequence
from itertools import chain
from textwrap import TextWrapper
from typing import Any

from seedpairs import gate, tables
from seedpairs import sentences as words
from seedpairs.data_types import ALPHA, CANNOT_TELL, LEVEL, Analysis
from seedpairs.words import columns_of, in_line

READABLE = 100  # columns of running text, at most
# Fields of Contrast that are left out of JSON: of all contrasts, of settings, of effects.
INTERNAL = {"at_looks", "look"}
OF_EFFECTS = {"kind", "factor", "level", "reference", "other", "at", "turned_by"} | INTERNAL
OF_SETTINGS = {"setting", "time_interval", "parts"} | INTERNAL
KEYS = (  # the fields of Analysis in JSON
    "measure", "better", "baseline", "looks", "smallest_difference", "target", "summaries", "comparisons", "bands",
    "warnings", "exploded", "amount", "effects", "inseparable", "title", "part", "names",
)  # fmt: skip
# Words with a mention, an address, or a reference to an issue; and special characters. A word without ` and | fits in a
# code span in a table.
MARKUP = re.compile(r"([^\s`|]{0,99}(?:@|://|www\.|#|GH-)[^\s`|]*)|[\\`*_\[\]<>|#&~$]", re.IGNORECASE)
LATEX = {x: f"\\{x}" for x in "#$%&_{}"} | {x: f"${x}$" for x in "<>|"}
LATEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "−": "$-$"}
LATEX |= {"[": "{[}", "]": "{]}"}  # [ would begin an option of the \\ or \item before it
GAP = 2  # between two columns


def formatted(
    analysis: Analysis, form: str | None, width: int, *, explain: bool = False, required: gate.Gate | None = None
) -> str:
    """Return the answer in the format `json`, `markdown` or `latex`; for None, as text in `width` columns.

    explain, required  as `as_text` takes them; JSON always includes the explanation
    """
    if form == "json":
        return as_json(analysis, required)
    if form in {"markdown", "latex"}:
        return (as_latex if form == "latex" else as_markdown)(analysis, explain=explain, required=required)
    return as_text(analysis, width, explain=explain, required=required)


def as_text(analysis: Analysis, width: int, *, explain: bool = False, required: gate.Gate | None = None) -> str:
    """Return the answer for a terminal of `width` columns: the verdicts, the tables, and a paragraph for each setting.

    explain   also say how each verdict was reached. Without `explain`, an answer with effects leaves out the settings
              without a verdict
    required  the result of --require, which is printed last; None: the option was not given
    """
    whole = explain or not analysis.effects
    decided = words.notes(analysis) if explain else [f"{words.method(analysis)} --explain says how, and more."]
    parts = [
        *(_wrapped([line], width) for line in (analysis.title, words.title(analysis))),
        _wrapped(words.lines_by_verdict(analysis), width, "  "),
        _table([tables.EFFECTS, *tables.effect_rows(analysis, words.short_verdict)], width),
        _wrapped(words.open_effects(analysis), width),
        _settings(analysis, width, whole=whole),
        *(_titled(title, lines, width) for title, lines in words.comparisons(analysis, open_too=whole)),
        *(_wrapped(lines, width) for lines in (words.label_lines(analysis) if explain else [], decided)),
        *(_wrapped(lines, width) for lines in _remarks(analysis, required)),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _remarks(analysis: Analysis, required: gate.Gate | None) -> list[list[str]]:
    """Return the last lines of an answer, as three lists: remarks, warnings, and the result of --require."""
    warnings = [f"warning: {line}" for line in analysis.warnings]
    return [[*words.remarks(analysis), *words.parted(analysis)], warnings, gate.lines(required) if required else []]


def _settings(analysis: Analysis, width: int, *, whole: bool) -> str:
    """Return the table of settings; if not `whole`, only settings with a verdict, and the number of the other ones."""
    verdicts = {contrast.setting: contrast.verdict for contrast in analysis.comparisons}
    every = [(*row, verdicts.get(row[0], tables.BASELINE)) for row in tables.rows(analysis)]
    rows = [row for row in every if whole or row[-1] != CANNOT_TELL]
    more = f"{len(every) - len(rows)} more settings: {CANNOT_TELL} for each by itself; --explain shows them"
    table = _table([(*tables.HEAD, "verdict"), *rows], width)
    return table if len(rows) == len(every) else f"{table}\n{_wrapped([more], width)}"


def _table(rows: Sequence[Sequence[str]], width: int) -> str:
    """Return the table in at most `width` columns, without truncating cells; "" if it has no row.

    If the table is too wide, the first cell of each row gets a line. If that is not enough, every cell gets a line.

    rows  the names of the columns, then the rows. The last column, the verdict, becomes the second column
    """
    if len(rows) == 1:
        return ""
    cells = [tuple(map(in_line, (name, verdict, *numbers))) for name, *numbers, verdict in rows]
    widths = [max(map(columns_of, column)) for column in zip(*cells, strict=True)]
    if sum(widths) + GAP * (len(widths) - 1) <= width:
        return "\n".join(_row(row, widths, 2) for row in cells)
    if sum(widths[1:]) + GAP * (len(widths) - 1) <= width:
        return "\n".join(f"{_wrapped(row[:1], width)}\n{' ' * GAP}{_row(row[1:], widths[1:], 1)}" for row in cells)
    head, *folded = cells
    titled = [(row[0], map(": ".join, zip(head[1:], row[1:], strict=True))) for row in folded]
    return "\n".join(_titled(name, lines, width) for name, lines in titled)


def _row(row: Sequence[str], widths: Sequence[int], names: int) -> str:
    """Return a line of the table: the first `names` cells are aligned left, the other cells right.

    widths  the widths of the columns, in terminal columns
    """
    room = (" " * (width - columns_of(cell)) for cell, width in zip(row, widths, strict=True))
    aligned = (cell + rest if n < names else rest + cell for n, (cell, rest) in enumerate(zip(row, room, strict=True)))
    return (" " * GAP).join(aligned).rstrip()


def _titled(title: str, lines: Iterable[str], width: int) -> str:
    return f"{_wrapped([title], width)}\n{_wrapped(lines, width, ' ' * GAP)}"


def _wrapped(lines: Iterable[str], width: int, indent: str = "") -> str:
    wrapper = TextWrapper(min(width, READABLE), indent, f"{indent}  ", break_on_hyphens=False)
    return "\n".join(wrapper.fill(in_line(line)) for line in lines)


def as_markdown(analysis: Analysis, *, explain: bool = False, required: gate.Gate | None = None) -> str:
    """Return the answer as Markdown: the title, the verdicts, tables, and a list with comparisons and method.

    explain, required  as `as_text` takes them
    """
    title, verdicts, described, lines = _parts(analysis, explain=explain, required=required)
    parts = [
        f"### {_plain(title)}\n" * bool(title) + f"**{_plain(verdicts)}**",
        *map(_markdown_table, described),
        "\n".join(f"- {_plain(line)}" for line in lines),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def as_latex(analysis: Analysis, *, explain: bool = False, required: gate.Gate | None = None) -> str:
    """Return the answer as LaTeX that needs no package, with the content that as_markdown returns.

    explain, required  as `as_text` takes them
    """
    title, verdicts, described, lines = _parts(analysis, explain=explain, required=required)
    parts = [
        f"\\subsection*{{{_latex(title)}}}" * bool(title),
        f"\\textbf{{{_latex(verdicts)}}}",
        *map(_latex_table, described),
        "\n".join(["\\begin{itemize}", *(f"\\item {_latex(line)}" for line in lines), "\\end{itemize}"]),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _parts(
    analysis: Analysis, *, explain: bool, required: gate.Gate | None
) -> tuple[str, str, list[list[tuple[str, ...]]], list[str]]:
    """Return the parts of an answer in a document: the title, the verdicts, two tables of cells, and further lines."""
    comparisons = words.comparisons(analysis, open_too=explain or not analysis.effects)
    lines = [words.title(analysis), *(f"{title}: {'; '.join(sentences)}" for title, sentences in comparisons)]
    lines += [*words.label_lines(analysis), *(words.notes(analysis) if explain else [words.method(analysis)])]
    described = [[tables.EFFECTS, *tables.effect_rows(analysis)], [tables.COMPARED, *tables.table(analysis)]]
    return analysis.title, words.told(analysis), described, [*lines, *chain(*_remarks(analysis, required))]


def _latex_table(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows as a tabular, with the names of settings and the verdict aligned left; "" without rows."""
    if len(rows) < 2:
        return ""
    lines = [f"{' & '.join(map(_latex, row))} \\\\" for row in rows]
    columns = f"l{'r' * (len(rows[0]) - 2)}l"
    return "\n".join([f"\\begin{{tabular}}{{{columns}}}", lines[0], "\\hline", *lines[1:], "\\end{tabular}"])


def _latex(text: str) -> str:
    """Return the text on one line, with LaTeX's special characters as commands."""
    return "".join(LATEX.get(character, character) for character in in_line(text))


def _markdown_table(rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(map(_plain, row))} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]) if len(rows) > 1 else ""


def _plain(text: str) -> str:
    """Return the text on one line, with Markdown's and HTML's special characters escaped by a backslash.

    A word that GitHub would make a link or a mention becomes a code span, because escaping does not prevent that.
    """
    return MARKUP.sub(lambda match: f"`{match[1]}`" if match[1] else f"\\{match[0]}", in_line(text))


def as_json(analysis: Analysis, required: gate.Gate | None = None) -> str:
    """Return the answer as JSON, with numbers in full precision.

    The keys are KEYS, and `statistic`, `alpha`, `level`, and `gate` with the option --require. Each contrast
    in `comparisons` and `effects` lacks the keys that do not apply to it.
    """
    content = {x: getattr(analysis, x) for x in KEYS} | {"statistic": words.STATISTIC, "alpha": ALPHA, "level": LEVEL}
    content = _opened(content | ({"gate": required} if required else {}))
    for kind, foreign in (("comparisons", OF_EFFECTS), ("effects", OF_SETTINGS)):
        for contrast in content[kind]:
            contrast["differences"] = [{"seed": seed, "difference": x} for seed, x in contrast["differences"].items()]
            for name in foreign:
                del contrast[name]
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _opened(value: Any) -> Any:
    """Convert named tuples to mappings, also inside mappings and lists."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _opened(item) for key, item in value.items()}
    return [_opened(item) for item in value] if isinstance(value, list) else value
