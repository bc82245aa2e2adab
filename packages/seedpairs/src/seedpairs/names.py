"""Write the name of a setting from the values that identify it, and find the setting that an option refers to."""

import json
import re
from collections.abc import Collection, Mapping
from itertools import islice

from seedpairs.words import WrongInput, allowed_are, in_line

NAMES_SHOWN = 12  # most names in a message
ODD = re.compile(r"[\s=,\"\\]")  # characters that could end a name or a value
PAIR = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s,"])+')  # `name=value`, each as `quoted` writes it


def setting_name(levels: Mapping[str, str]) -> str:
    """Return the setting's name from its values (levels) by param: `eta=0.1 train.initial_accumulator_value=10`.

    Names and values with special characters are quoted (see `quoted`), so that different settings have different names.
    """
    return " ".join(f"{quoted(name)}={quoted(level)}" for name, level in levels.items())


def quoted(text: str) -> str:
    """Return the text. If it is empty or contains a character of ODD, return it as a JSON string."""
    return json.dumps(text, ensure_ascii=False) if ODD.search(text) or not text else text


def find_setting(settings: Collection[str], baseline: str | None, where: str) -> str:
    """Return the name of the setting that `baseline` refers to; for None, the first setting.

    settings  names of all settings, as `setting_name` writes them
    baseline  a name in `settings`; or its pairs in any order, `b=2,a=1`; for a name with one pair also the value, `1`
    where     the file or source of the settings, for the message

    Raises WrongInput if no setting or more than one fits, or if there is only one setting.
    """
    if len(settings) < 2:
        raise WrongInput(f"{where}: only one setting, {in_line(next(iter(settings)))}; a comparison needs two or more")
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
