"""Text that somebody else wrote, made harmless for a terminal: a model's, or the name of a file. And warnings."""

import sys
import unicodedata
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

OVERRIDES = {
    "LRE",
    "RLE",
    "LRO",
    "RLO",
    "PDF",
    "LRI",
    "RLI",
    "FSI",
    "PDI",
}  # they turn the direction of a line
SHOWN = 20  # different characters named in a message
_warned: set[str] = set()


def visible(text: str) -> str:
    """Return the text with controls, line separators and directional overrides as escapes; \\n and \\t stay."""
    return "".join(character if _harmless(character) else ascii(character)[1:-1] for character in text)


def _harmless(character: str) -> bool:
    if character in "\n\t":
        return True
    hidden = unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
    return not hidden and unicodedata.bidirectional(character) not in OVERRIDES


def warn_once(about: str, line: str) -> None:
    """Say the line on standard error, unless this process has warned about the same before."""
    if about not in _warned:
        _warned.add(about)
        with suppress(OSError):  # nobody has to hear it
            sys.stderr.write(visible(f"warning: {line}\n"))


def in_line(name: str) -> str:
    """Return the name with all that is not printable as escapes: line ends, tabs and direction marks too."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in name)


def named(characters: str | Mapping[str, int]) -> str:
    """Return the distinct characters, quoted, each with how often it occurs where that is not once.

    They may be counted already.
    """
    counts = Counter(characters)
    different = sorted(counts)
    each = [repr(c) + (f" {n:,} times" if (n := counts[c]) > 1 else "") for c in different[:SHOWN]]
    return ", ".join(each) + (f" and {len(different) - SHOWN:,} more" if len(different) > SHOWN else "")
