"""Which setting is the baseline."""

import json
import re
from collections.abc import Collection, Iterable

from charloom.base.errors import WrongInput, allowed_are
from charloom.base.terminal import in_line

MANY = 12  # names in a message
ODD = re.compile(r"[\s=,\"\\]")  # what could be taken for the end of a name or of a value
WORD = r'("(?:[^"\\]|\\.)*"|[^\s=,"\\]+)'  # as `quoted` writes it
PAIR = re.compile(rf"{WORD}={WORD}(?:[\s,]+|$)")


def setting_name(names: Iterable[str], values: Iterable[object]) -> str:
    """Return `eta=0.1 train.initial_accumulator_value=10`. Two settings never have one name: what is odd is quoted."""
    return " ".join(f"{quoted(name)}={quoted(str(value))}" for name, value in zip(names, values, strict=True))


def quoted(text: str) -> str:
    """Return the text, in quotes where it could be taken for more than one name or value."""
    return json.dumps(text, ensure_ascii=False) if ODD.search(text) or not text else text


def chosen(settings: Collection[str], baseline: str | None, where: str) -> str:
    """Return the setting that is meant: `a=1`, `a=1,b=2` in any order, the value alone where there is one column.

    It is the first where none is named. Raises WrongInput where it is not there, where it could be two of them, or
    where there is no other to compare with it.
    """
    if len(settings) < 2:
        raise WrongInput(f"{where}: one setting only, {in_line(next(iter(settings)))}; allowed are two or more")
    if baseline is None:
        return next(iter(settings))
    if baseline in settings:
        return baseline
    alone, pairs = ([baseline], [quoted(baseline)]), _pairs(baseline)
    named = {name: _pairs(name) for name in settings}
    meant = [n for n, each in named.items() if each and (each == pairs or [*map(quoted, each.values())] in alone)]
    if len(meant) == 1:
        return meant[0]
    names = [in_line(name) for name in settings]
    if len(names) > MANY:
        names[MANY:] = [f"{len(names) - MANY} more"]
    no = "no setting" if not meant else "more than one setting could be"
    raise WrongInput(f"{where}: {no} {in_line(baseline)[:80]}; {allowed_are(names, in_line(baseline))}")


def _pairs(name: str) -> dict[str, str]:
    """Return the values by name that a setting's name says; nothing where it is none."""
    found = PAIR.findall(name)
    try:
        pairs = {_read(key): _read(value) for key, value in found}
    except ValueError:
        return {}
    return pairs if len(pairs) == len(found) and not PAIR.sub("", name) else {}


def _read(word: str) -> str:
    return str(json.loads(word)) if word.startswith('"') else word
