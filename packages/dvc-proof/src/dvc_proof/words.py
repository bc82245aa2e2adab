"""Format names, lists of names, and counts for messages and tables."""

from collections.abc import Iterable

LISTED = 6  # names in a message, at most


def in_line(name: str) -> str:
    """Return the name with every non-printable character as an escape such as `\\n`, so that it fits in one line."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in name)


def listed(names: Iterable[str], limit: int = LISTED) -> str:
    """Return the first `limit` distinct names, separated by commas, and the number of the others: `a, b and 5 more`."""
    distinct = list(dict.fromkeys(names))
    more = f" and {len(distinct) - limit} more" if len(distinct) > limit else ""
    return ", ".join(distinct[:limit]) + more


def number_of(n: int, noun: str) -> str:
    """Return the number and the noun, with an s unless n is 1: `1 seed`, `2,000 seeds`."""
    return f"{n:,} {noun}" + "s" * (n != 1)
