"""Names of params and paths, which a narrow screen breaks after a dot, a slash or an underscore, and not in a word."""

import re
from typing import Any

from markupsafe import Markup, escape

from charloom.base.terminal import visible

LONG = re.compile(r"\S{20,}")  # shorter ones fit any line
AFTER = re.compile(r"((?<!\d)\.|[_/])(?=\w)")


def breakable(text: str) -> Markup:
    """Return the text with places in its long words where a line may break."""
    return Markup(LONG.sub(lambda word: AFTER.sub(r"\1<wbr>", word[0]), str(escape(visible(text)))))  # noqa: S704


def bold(text: Any) -> Markup:
    """Return the text as one that is to be found at once."""
    return Markup("<b>{}</b>").format(text)
