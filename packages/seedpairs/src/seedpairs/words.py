"""Words for messages, and the error for wrong input."""

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches


class WrongInput(Exception):
    """A table or an option has an invalid value. The message is one line: the place, the value, what is allowed."""


def in_line(name: str) -> str:
    """Return the name with every non-printable character as an escape such as `\\n`, so that it fits in one line."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in name)


def number_of(n: int, noun: str) -> str:
    """Return the number and the noun, with an s unless n is 1: `1 seed`, `2,000 seeds`."""
    return f"{n:,} {noun}" + "s" * (n != 1)


def allowed_are(names: Iterable[str], value: str) -> str:
    """Return the end of a message: `allowed are a, b`, and `did you mean a?` if one name is similar to `value`."""
    allowed = list(names)
    near = get_close_matches(value, allowed, n=1)
    return f"allowed are {', '.join(allowed)}" + (f"; did you mean {near[0]}?" if near else "")


def columns_of(text: str) -> int:
    """Return the width of the text in terminal columns: a wide letter takes 2 columns, a combining character 0."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.category(letter) in {"Mn", "Me"} for letter in text)
