"""Escaping of untrusted text (a model's output, a file name) for a terminal, and warnings on standard error."""

import re
import shlex
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from charloom.core.base.words import in_line

# Control characters except \n and \t, lone surrogates, line and paragraph separators; directional embeddings,
# overrides and isolates.
HARMFUL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069]")
SHOWN = 20  # distinct characters in a message, at most
_warned: set[str] = set()


def visible(text: str) -> str:
    """Return the text with HARMFUL characters as escapes such as `\\x1b`. Newlines and tabs are unchanged."""
    return HARMFUL.sub(lambda match: ascii(match[0])[1:-1], text)


def warn_once(topic: str, line: str) -> None:
    """Write `warning: ` and the line to standard error, unless this process has already warned about the topic."""
    if topic not in _warned:
        _warned.add(topic)
        with suppress(OSError):  # standard error may be closed
            sys.stderr.write(visible(f"warning: {line}\n"))


def for_shell(name: str) -> str:
    """Quote a file's name as a word of a shell command. `./` is put in front of a name that begins with `-`."""
    return shlex.quote(in_line(f"./{name}" if name.startswith("-") else name))


def listed_characters(characters: str | Mapping[str, int]) -> str:
    """Return the distinct characters, sorted and quoted, with counts above one: `'a' 3 times, 'b' and 5 more`.

    `characters` is a text, or {character: count}. At most SHOWN characters are listed; `5 more` counts the rest.
    """
    counts = Counter(characters)
    different = sorted(counts)
    descriptions = [repr(c) + (f" {n:,} times" if (n := counts[c]) > 1 else "") for c in different[:SHOWN]]
    return ", ".join(descriptions) + (f" and {len(different) - SHOWN:,} more" if len(different) > SHOWN else "")
