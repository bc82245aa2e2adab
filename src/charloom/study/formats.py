"""An answer as text: for a terminal, as JSON, CSV or Markdown."""

import csv
import io
import json
import textwrap
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from charloom.base.terminal import in_line
from paired import sentences as words
from paired.types import ALPHA, LEVEL, Answer, Comparison, Interval

READABLE = 100  # columns of a sentence


def as_text(answer: Answer, width: int) -> str:
    """Return it for a terminal of so many columns: a table of the settings, then a paragraph for each, then notes."""
    verdicts = {each.setting: each.verdict for each in answer.comparisons}
    rows = [(*row, verdicts.get(row[0], words.BASELINE)) for row in [words.HEAD, *words.rows(answer)]]
    rows[0] = (*words.HEAD, "verdict")
    if sum(max(map(len, column)) + 2 for column in zip(*rows, strict=True)) > width:
        rows = [row[:-1] for row in rows]  # each is said below, too
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in rows[0]:
        words_in_it = name in {words.HEAD[0], "verdict"}
        table.add_column(name, justify="left" if words_in_it else "right", overflow="fold", no_wrap=name != rows[0][0])
    for row in rows[1:]:
        table.add_row(*(Text(in_line(cell)) for cell in row))
    drawn = io.StringIO()
    Console(file=drawn, width=width, color_system=None).print(table)
    parts = [
        _wrapped(words.title(answer), width),
        _wrapped(words.told(answer), width, "  "),
        "\n".join(line.rstrip() for line in drawn.getvalue().splitlines()),
    ]
    for title, said in words.comparisons(answer):
        parts.append("\n".join([_wrapped(title, width), *(_wrapped(each, width, "  ") for each in said)]))
    parts.append("\n".join(_wrapped(each, width) for each in words.notes(answer)))
    parts += ["\n".join(_wrapped(f"warning: {each}", width) for each in answer.warnings)] if answer.warnings else []
    return "\n\n".join(parts) + "\n"


def _wrapped(line: str, width: int, indent: str = "") -> str:
    return textwrap.fill(
        in_line(line),
        min(width, READABLE),
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_on_hyphens=False,
    )


def as_markdown(answer: Answer) -> str:
    """Return it as a table with the verdicts, a list of what there is to say of each, and notes."""
    table = ["| " + " | ".join(words.COMPARED) + " |", "|---" * len(words.COMPARED) + "|"]
    for name, *cells in words.table(answer):
        table.append("| " + " | ".join([_code(name), *cells]) + " |")
    about = f"**{_plain(answer.measure)}**: {answer.better} is better. Baseline: {_code(answer.baseline)}"
    told = [f"- **{_plain(title)}.** {_plain('; '.join(lines))}." for title, lines in words.comparisons(answer)]
    noted = [f"- {_plain(each)}" for each in words.notes(answer)]
    warned = ["\n".join(f"- **Warning:** {_plain(each)}" for each in answer.warnings)] if answer.warnings else []
    return (
        "\n\n".join(
            [about, f"**{_plain(words.told(answer))}**", "\n".join(table), "\n".join(told), "\n".join(noted), *warned]
        )
        + "\n"
    )


def _code(text: str) -> str:
    """Return the text as code in a table, whatever it holds but a backtick."""
    return "`" + in_line(text).replace("`", "'").replace("|", "\\|") + "`"


def _plain(text: str) -> str:
    """Return the text with all that Markdown and HTML would take for a sign of theirs as itself."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#&~$" else c for c in in_line(text))


def as_json(answer: Answer) -> str:
    """Return all of it, floats in full; the list `comparisons` holds an object for each setting but the baseline."""
    compared = [
        each._asdict() | {"differences": [{"seed": seed, "difference": d} for seed, d in each.differences.items()]}
        for each in answer.comparisons
    ]
    bands = {
        name: {setting: band._asdict() for setting, band in by_setting.items()}
        for name, by_setting in answer.bands.items()
    }
    content = answer._asdict() | {
        "statistic": words.STATISTIC,
        "alpha": ALPHA,
        "level": LEVEL,
        "summaries": [each._asdict() for each in answer.summaries],
        "comparisons": compared,
        "bands": bands,
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(answer: Answer) -> str:
    """Return a row for each setting, the baseline's without a comparison; floats in full."""
    always = {
        "measure": answer.measure,
        "better": answer.better,
        "baseline": answer.baseline,
        "statistic": words.STATISTIC,
        "level": LEVEL,
        "looks": " ".join(map(str, answer.looks)),
        "smallest_difference": answer.smallest_difference,
    }
    by_name = {each.setting: each for each in answer.comparisons}
    rows: list[dict[str, Any]] = []
    for each in answer.summaries:
        row = each._asdict() | _ends("interval", each.interval)
        compared = by_name.get(each.setting)
        rows.append(row | (_compared(compared) if compared else {}) | always)
    names = list(dict.fromkeys(name for row in sorted(rows, key=len, reverse=True) for name in row))
    names.remove("interval")
    written = io.StringIO()
    writer = csv.DictWriter(written, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def _compared(each: Comparison) -> dict[str, Any]:
    """Return a comparison's cells."""
    least, most = each.more_seeds or (None, None)
    return {
        "pairs": each.n,
        "mean_difference": each.mean_difference,
        "sd_of_differences": each.sd,
        **_ends("difference", each.interval),
        "tested_level": each.tested_level,
        **_ends("tested", each.tested_interval),
        **_ends("welch", each.welch_interval),
        "correlation": each.correlation,
        "p": each.p,
        "adjusted_p": each.adjusted_p,
        "sign_flip_p": each.sign_flip_p,
        "exploded_p": each.exploded_p,
        **_ends("time", each.time_interval),
        "verdict": each.verdict,
        "more_seeds_least": least,
        "more_seeds_most": most,
        "warnings": " ".join(each.warnings),
    }


def _ends(name: str, interval: Interval | None) -> dict[str, float | None]:
    low, high = interval or (None, None)
    return {f"{name}_low": low, f"{name}_high": high}


FORMATS = {"json": as_json, "csv": as_csv, "markdown": as_markdown}
