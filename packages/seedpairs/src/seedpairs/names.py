"""The names of settings: made from the values that identify a setting, and read again from an option."""

import json
import re
from collections.abc import Collection, Mapping
from itertools import islice

from seedpairs.words import WrongInput, allowed_are, in_line

NAMES_SHOWN = 12  # in a message
ODD = re.compile(r"[\s=,\"\\]")  # characters that could end a name or a value
PAIR = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s,"])+')  # `name=value`, each as `quoted` writes it


def setting_name(levels: Mapping[str, str]) -> str:
    """Return a setting's name from its values by name: `eta=0.1 train.initial_accumulator_value=10`.

    Odd names and values are quoted, so that different settings have different names.
    """
    return " ".join(f"{quoted(name)}={quoted(level)}" for name, level in levels.items())


def quoted(text: str) -> str:
    """Return the text; as a JSON string if it is empty, or has a character that could end a name or a value."""
    return json.dumps(text, ensure_ascii=False) if ODD.search(text) or not text else text


def find_setting(settings: Collection[str], baseline: str | None, where: str) -> str:
    """Return the name of the setting that `baseline` refers to; for None, the first setting.

    settings  names of all settings, as `setting_name` writes them
    baseline  such a name, `a=1`, or `a=1,b=2` in any order; if names have one value, also the value alone
    where     the file or source of the settings, for the message

    Raises WrongInput if no setting or more than one fits, or if there is only one setting.
    """
    if len(settings) < 2:
        raise WrongInput(f"{where}: only one setting, {in_line(next(iter(settings)))}; allowed are two or more")
    if baseline is None:
        return next(iter(settings))
    if baseline in settings:
        return baseline
    pairs, values = sorted(PAIR.findall(baseline)), (baseline, quoted(baseline))
    meant = [name for name in settings if sorted(PAIR.findall(name)) == pairs or name.partition("=")[2] in values]
    if len(meant) == 1:
        return meant[0]
    no = "no setting" if not meant else "more than one setting could be"
    raise WrongInput(f"{where}: {no} {in_line(baseline)[:80]}; {allowed_are(first_names(settings), in_line(baseline))}")


def first_names(settings: Collection[str]) -> list[str]:
    """Return the names of the first NAMES_SHOWN settings for a message, and … if there are more."""
    return [*map(in_line, islice(settings, NAMES_SHOWN)), *["…"] * (len(settings) > NAMES_SHOWN)]
