"""Format a comparison's answer as text for a terminal, Markdown or JSON."""

import json
import textwrap
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len

from charloom.base.terminal import in_line
from paired import sentences as words
from paired import tables
from paired.data_types import ALPHA, CANNOT_TELL, LEVEL, Answer
from paired.gate import Gate
from paired.gate import lines as gate_lines

READABLE = 100  # columns of running text, at most
# Fields of Contrast that are left out of JSON: of all contrasts, of settings, of effects.
INTERNAL = {"at_looks", "look"}
OF_EFFECTS = {"kind", "factor", "level", "reference", "other", "at", "turned_by"} | INTERNAL
OF_SETTINGS = {"setting", "time_interval", "parts"} | INTERNAL
KEYS = (  # the fields of Answer in JSON
    "measure", "better", "baseline", "looks", "smallest_difference", "target", "summaries", "comparisons", "bands",
    "warnings", "exploded", "amount", "effects", "inseparable", "title", "part",
)  # fmt: skip
GAP = 2  # between two columns


def as_text(answer: Answer, width: int, *, explain: bool = False, required: Gate | None = None) -> str:
    """Return the answer for a terminal of `width` columns: the verdicts, the tables, and a paragraph for each setting.

    explain   also say how each verdict was reached, and show the settings without a verdict, which are otherwise left
              out if effects were tested
    required  the result of --require, which is added at the end; None: there is none
    """
    whole = explain or not answer.effects
    texts = words.comparisons(answer, open_too=whole)
    decided = words.notes(answer) if explain else [f"{words.method(answer)} --explain says how, and more."]
    parts = [
        _wrapped(answer.title, width) if answer.title else "",
        _wrapped(words.title(answer), width),
        "\n".join(_wrapped(line, width, "  ") for line in words.told_by_line(answer)),
        _effects(answer, width),
        "\n".join(_wrapped(line, width) for line in words.open_effects(answer)),
        _settings(answer, width, whole=whole),
        *("\n".join([_wrapped(title, width), *(_wrapped(x, width, "  ") for x in lines)]) for title, lines in texts),
        "\n".join(_wrapped(line, width) for line in decided),
        "\n".join(_wrapped(line, width) for line in [*words.remarks(answer), *words.parted(answer)]),
        "\n".join(_wrapped(f"warning: {line}", width) for line in answer.warnings),
        "\n".join(_wrapped(line, width) for line in gate_lines(required)) if required else "",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _effects(answer: Answer, width: int) -> str:
    """Return the table of effects, with the verdict in the second column; "" if no effects were tested."""
    rows = [(name, verdict, *numbers) for name, *numbers, verdict in tables.effect_rows(answer, words.short_verdict)]
    return _table((tables.EFFECTS[0], tables.EFFECTS[-1], *tables.EFFECTS[1:-1]), rows, width) if rows else ""


def _settings(answer: Answer, width: int, *, whole: bool) -> str:
    """Return the table of settings; if not `whole`, only settings with a verdict, and the number of the other ones."""
    verdicts = {contrast.setting: contrast.verdict for contrast in answer.comparisons}
    head = (tables.HEAD[0], "verdict", *tables.HEAD[1:])
    every = [(name, verdicts.get(name, tables.BASELINE), *numbers) for name, *numbers in tables.rows(answer)]
    rows = [row for row in every if whole or row[1] != CANNOT_TELL]
    if left := len(every) - len(rows):
        more = f"{left} more settings: {CANNOT_TELL} for each by itself; --explain shows them"
        return f"{_table(head, rows, width)}\n{_wrapped(more, width)}"
    return _table(head, rows, width)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """Return the table in at most `width` columns, without truncating cells.

    If the table is too wide, the first cell of each row gets its own line; if it is still too wide, every cell does.
    """
    cells = [tuple(map(in_line, row)) for row in (head, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    if sum(widths) + GAP * (len(widths) - 1) <= width:
        return "\n".join(_row(row, widths, 2) for row in cells)
    if sum(widths[1:]) + GAP * (len(widths) - 1) <= width:
        return "\n".join(f"{_wrapped(row[0], width)}\n{' ' * GAP}{_row(row[1:], widths[1:], 1)}" for row in cells)
    folded = list[str]()
    for name, *row in cells[1:]:
        named = zip(head[1:], row, strict=True)
        folded += [_wrapped(name, width), *(_wrapped(f"{column}: {cell}", width, " " * GAP) for column, cell in named)]
    return "\n".join(folded)


def _row(row: Sequence[str], widths: Sequence[int], names: int) -> str:
    """Return a line of the table: the first `names` cells are aligned left, the other cells right.

    widths  the widths of the columns, in terminal columns
    """
    room = (" " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
    aligned = (cell + rest if n < names else rest + cell for n, (cell, rest) in enumerate(zip(row, room, strict=True)))
    return (" " * GAP).join(aligned).rstrip()


def _wrapped(line: str, width: int, indent: str = "") -> str:
    indents: Any = {"initial_indent": indent, "subsequent_indent": f"{indent}  "}
    return textwrap.fill(in_line(line), min(width, READABLE), break_on_hyphens=False, **indents)


def as_markdown(answer: Answer, *, explain: bool = False, required: Gate | None = None) -> str:
    """Return the answer as Markdown: the title, the verdicts, tables, a list of comparisons, and the method.

    explain, required  as `as_text` takes them
    """
    decided = words.notes(answer) if explain else [words.method(answer)]
    rows = [(_code(name), *cells) for name, *cells in tables.table(answer)]
    effects = [tuple(map(_plain, cells)) for cells in tables.effect_rows(answer)]
    parts = [
        f"### {_plain(answer.title)}\n" * bool(answer.title) + f"**{_plain(words.told(answer))}**",
        f"{_plain(answer.measure)}: {answer.better} is better. Baseline: {_code(answer.baseline)}",
        _markdown_table(tables.EFFECTS, effects) if effects else "",
        _markdown_table(tables.COMPARED, rows),
        "\n".join(
            f"- **{_plain(title)}.** {_plain('; '.join(lines))}."
            for title, lines in words.comparisons(answer, open_too=explain or not answer.effects)
        ),
        "\n".join(f"- {_plain(line)}" for line in decided),
        "\n".join(f"- {_plain(line)}" for line in [*words.remarks(answer), *words.parted(answer)]),
        "\n".join(f"- **Warning:** {_plain(line)}" for line in answer.warnings),
        "\n".join(f"- {_plain(line)}" for line in gate_lines(required)) if required else "",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def _code(text: str) -> str:
    """Return the text as Markdown's inline code for a table cell; a backtick becomes an apostrophe, `|` is escaped."""
    return "`" + in_line(text).replace("`", "'").replace("|", "\\|") + "`"


def _plain(text: str) -> str:
    """Return the text on one line, with Markdown's and HTML's special characters escaped by a backslash."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#&~$" else c for c in in_line(text))


def as_json(answer: Answer, required: Gate | None = None) -> str:
    """Return the answer as JSON, with numbers in full precision.

    The keys are KEYS, and `statistic`, `alpha`, `level`, and `gate` if something was required. Each contrast
    in `comparisons` and `effects` lacks the keys that do not apply to it.
    """
    content = {x: getattr(answer, x) for x in KEYS} | {"statistic": words.STATISTIC, "alpha": ALPHA, "level": LEVEL}
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
