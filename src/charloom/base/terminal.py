"""Text that somebody else wrote, made harmless for a terminal: a model's, or the name of a file. And warnings."""

import re
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

# Controls but \n and \t, lone surrogates, line and paragraph separators, and what turns the direction of a line.
HARMFUL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069]")
SHOWN = 20  # different characters named in a message
_warned: set[str] = set()


def visible(text: str) -> str:
    """Return the text with controls, line separators and directional overrides as escapes; \\n and \\t stay."""
    return HARMFUL.sub(lambda found: ascii(found[0])[1:-1], text)


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
