"""An answer as text: for a terminal, as Markdown or as JSON."""

import io
import json
import textwrap
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from charloom.base.terminal import in_line
from paired import effect_sentences as effects
from paired import sentences as words
from paired.data_types import ALPHA, LEVEL, Answer

READABLE = 100  # columns of a sentence
NAMES = 2  # columns of a table that hold words, the setting and its verdict: they may take more than a line
READ = 27  # letters of a line that names an effect: of fewer nobody reads it
GAP = 2  # between two columns


def as_text(answer: Answer, width: int, *, explain: bool = False) -> str:
    """Return it for a terminal of so many columns: a table of the settings, a paragraph for each, how it was decided.

    What decides nothing, and what the words mean, is said where somebody asks for it.
    """
    told = words.comparisons(answer, explain=explain, open_too=explain or not answer.effects)
    decided = words.notes(answer) if explain else [f"{words.method(answer)} --explain says how, and more."]
    parts = [
        _wrapped(words.title(answer), width),
        _wrapped(words.told(answer), width, "  "),
        _effects(answer, width),
        _table(answer, width),
        *("\n".join([_wrapped(title, width), *(_wrapped(each, width, "  ") for each in said)]) for title, said in told),
        "\n".join(_wrapped(each, width) for each in decided),
        "\n".join(_wrapped(each, width) for each in effects.remarks(answer)),
        "\n".join(_wrapped(f"warning: {each}", width) for each in answer.warnings),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _effects(answer: Answer, width: int) -> str:
    """Return what each factor does, its verdict before its numbers: these are left out where there is no room."""
    rows = [(in_line(name), in_line(said), *numbers) for name, *numbers, said in effects.rows(answer)]
    return (
        _columns((effects.HEAD[0], effects.HEAD[-1], *effects.HEAD[1:-1]), rows, width, keep=4, least=READ)
        if rows
        else ""
    )


def _table(answer: Answer, width: int) -> str:
    """Return the settings, their verdicts and their numbers."""
    verdicts = {each.setting: each.verdict for each in answer.comparisons}
    head = (words.HEAD[0], "verdict", *words.HEAD[1:])
    rows = [(in_line(name), verdicts.get(name, words.BASELINE), *numbers) for name, *numbers in words.rows(answer)]
    return _columns(head, rows, width, keep=len(head) - 1)


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]], width: int, *, keep: int, least: int = 0) -> str:
    """Return the table.

    Where its numbers leave no room for the words before them columns after those to keep are left out, or else words
    take more lines, of at least so many letters for the first of them.
    """
    columns = list(zip(head, *rows, strict=True))
    whole = [max(map(cell_len, column)) for column in columns]
    words_of = [max(cell_len(word) for cell in column for word in cell.split()) for column in columns[:NAMES]]
    words_of[0] = max(words_of[0], min(whole[0], least))
    ways = [(whole, n) for n in range(len(head), keep - 1, -1)]
    ways += [(words_of + whole[NAMES:], n) for n in range(len(head), NAMES, -1)]
    there = next((n for widths, n in ways if sum(widths[:n]) + GAP * (n - 1) <= width), NAMES)
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False)
    for at, name in enumerate(head[:there]):
        table.add_column(name, justify="left" if at < NAMES else "right", overflow="fold", no_wrap=at >= NAMES)
    for row in rows:
        table.add_row(*map(Text, row[:there]))
    drawn = io.StringIO()
    Console(file=drawn, width=width, color_system=None).print(table)
    lines = [line.rstrip() for line in drawn.getvalue().splitlines()]
    if there < len(head):
        lines.append(_wrapped(f"(a wider terminal shows {', '.join(head[there:])}, too)", width))
    return "\n".join(lines)


def _wrapped(line: str, width: int, indent: str = "") -> str:
    return textwrap.fill(
        in_line(line),
        min(width, READABLE),
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_on_hyphens=False,
    )


def as_markdown(answer: Answer, *, explain: bool = False) -> str:
    """Return it as a table with the verdicts, a list of what was found of each, and how it was decided."""
    decided = words.notes(answer) if explain else [words.method(answer)]
    rows = [(_code(name), *cells) for name, *cells in words.table(answer)]
    found = [tuple(map(_plain, cells)) for cells in effects.rows(answer)]
    parts = [
        f"**{_plain(answer.measure)}**: {answer.better} is better. Baseline: {_code(answer.baseline)}",
        f"**{_plain(words.told(answer))}**",
        _markdown_table(effects.HEAD, found) if found else "",
        _markdown_table(words.COMPARED, rows),
        "\n".join(
            f"- **{_plain(title)}.** {_plain('; '.join(lines))}."
            for title, lines in words.comparisons(answer, explain=explain, open_too=explain or not answer.effects)
        ),
        "\n".join(f"- {_plain(each)}" for each in decided),
        "\n".join(f"- {_plain(each)}" for each in effects.remarks(answer)),
        "\n".join(f"- **Warning:** {_plain(each)}" for each in answer.warnings),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def _code(text: str) -> str:
    """Return the text as code in a table, whatever it holds but a backtick."""
    return "`" + in_line(text).replace("`", "'").replace("|", "\\|") + "`"


def _plain(text: str) -> str:
    """Return the text with all that Markdown and HTML would take for a sign of theirs as itself."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#&~$" else c for c in in_line(text))


def as_json(answer: Answer) -> str:
    """Return all of it, floats in full; the list `comparisons` holds an object for each setting but the baseline."""
    content = _opened(answer) | {"statistic": words.STATISTIC, "alpha": ALPHA, "level": LEVEL}
    for each in (*content["comparisons"], *content["effects"]):
        each["differences"] = [{"seed": seed, "difference": x} for seed, x in each["differences"].items()]
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _opened(value: Any) -> Any:
    """Return named tuples as mappings, however deep."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _opened(each) for key, each in value.items()}
    return [_opened(each) for each in value] if isinstance(value, list) else value
