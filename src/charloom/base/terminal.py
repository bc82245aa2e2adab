"""Text that somebody else wrote, made harmless for a terminal: a model's, or the name of a file."""

import unicodedata

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


def visible(text: str) -> str:
    """Return the text with controls, line separators and directional overrides as escapes; \\n and \\t stay."""
    return "".join(character if _harmless(character) else ascii(character)[1:-1] for character in text)


def _harmless(character: str) -> bool:
    if character in "\n\t":
        return True
    hidden = unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
    return not hidden and unicodedata.bidirectional(character) not in OVERRIDES


def in_line(name: str) -> str:
    """Return the name with all that is not printable as escapes: line ends, tabs and direction marks too."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in name)
