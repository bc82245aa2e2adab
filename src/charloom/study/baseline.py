"""Names of settings, and the choice of the baseline by name."""

import json
import re
from collections.abc import Collection, Iterable

from charloom.base.errors import WrongInput, allowed_are
from charloom.base.terminal import in_line

NAMES_SHOWN = 12  # in a message
ODD = re.compile(r"[\s=,\"\\]")  # characters that could end a name or a value
WORD = r'("(?:[^"\\]|\\.)*"|[^\s=,"\\]+)'  # a name or value as `quoted` writes it
PAIR = re.compile(rf"{WORD}={WORD}(?:[\s,]+|$)")


def setting_name(names: Iterable[str], values: Iterable[object]) -> str:
    """Return a setting's name from the params' names and values: `eta=0.1 train.initial_accumulator_value=10`.

    Odd names and values are quoted, so that different settings have different names.
    """
    return " ".join(f"{quoted(name)}={quoted(str(value))}" for name, value in zip(names, values, strict=True))


def quoted(text: str) -> str:
    """Return the text; as a JSON string if it is empty, or has a character that could end a name or a value."""
    return json.dumps(text, ensure_ascii=False) if ODD.search(text) or not text else text


def chosen(settings: Collection[str], baseline: str | None, where: str) -> str:
    """Return the name of the setting that `baseline` refers to; for None, the first setting.

    settings  names of all settings, as `setting_name` writes them
    baseline  such a name, `a=1`, or `a=1,b=2` in any order; if names have one param, also the value alone
    where     the file or source of the settings, for the message

    Raises WrongInput if no setting or more than one fits, or if there is only one setting.
    """
    if len(settings) < 2:
        raise WrongInput(f"{where}: only one setting, {in_line(next(iter(settings)))}; allowed are two or more")
    if baseline is None:
        return next(iter(settings))
    if baseline in settings:
        return baseline
    alone, pairs = ([baseline], [quoted(baseline)]), _pairs(baseline)
    named = {name: _pairs(name) for name in settings}
    meant = [n for n, own in named.items() if own and (own == pairs or [*map(quoted, own.values())] in alone)]
    if len(meant) == 1:
        return meant[0]
    names = [in_line(name) for name in settings]
    if len(names) > NAMES_SHOWN:
        names[NAMES_SHOWN:] = [f"{len(names) - NAMES_SHOWN} more"]
    no = "no setting" if not meant else "more than one setting could be"
    raise WrongInput(f"{where}: {no} {in_line(baseline)[:80]}; {allowed_are(names, in_line(baseline))}")


def _pairs(name: str) -> dict[str, str]:
    """Return the params' values, by the params' names, from a setting's name; {} if the text is no setting's name."""
    matches = PAIR.findall(name)
    try:
        pairs = {_read(key): _read(value) for key, value in matches}
    except ValueError:
        return {}
    return pairs if len(pairs) == len(matches) and not PAIR.sub("", name) else {}


def _read(word: str) -> str:
    return str(json.loads(word)) if word.startswith('"') else word
