"""The names of settings: made from the params that differ, given in a study's file, and read again from an option."""

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping
from itertools import islice
from typing import Any

from charloom.core.base.errors import WrongInput, allowed_are
from charloom.core.base.words import in_line
from charloom.core.settings.params import Params, as_yaml, flat_of
from charloom.results.keys import differing, naming_params

NAMES_SHOWN = 12  # in a message
ODD = re.compile(r"[\s=,\"\\]")  # characters that could end a name or a value
PAIR = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s,"])+')  # `name=value`, each as `quoted` writes it


def levels_of(settings: Collection[Params]) -> list[dict[str, str]]:
    """Return each setting's values of the params that vary, by the params' dotted names, as they stand in its name.

    The seed is left out, and a param that has no effect in this setting.
    """
    varied = [name for name in differing(settings) if name != "seed"]
    return [{x: as_yaml(own[x]).removesuffix(".0") for x in varied if x in own} for own in map(naming_params, settings)]


def setting_name(levels: Mapping[str, str]) -> str:
    """Return a setting's name from its values by the params' names: `eta=0.1 train.initial_accumulator_value=10`.

    Odd names and values are quoted, so that different settings have different names.
    """
    return " ".join(f"{quoted(name)}={quoted(level)}" for name, level in levels.items())


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
    pairs, values = sorted(PAIR.findall(baseline)), (baseline, quoted(baseline))
    meant = [name for name in settings if sorted(PAIR.findall(name)) == pairs or name.partition("=")[2] in values]
    if len(meant) == 1:
        return meant[0]
    no = "no setting" if not meant else "more than one setting could be"
    raise WrongInput(f"{where}: {no} {in_line(baseline)[:80]}; {allowed_are(_first(settings), in_line(baseline))}")


def _first(settings: Collection[str]) -> list[str]:
    """Return the names of the first NAMES_SHOWN settings for a message, and … if there are more."""
    return [*map(in_line, islice(settings, NAMES_SHOWN)), *["…"] * (len(settings) > NAMES_SHOWN)]


def given_names(
    given: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Params], usual: Params, where: str
) -> dict[str, str]:
    """Return the names that a study's file gives to settings, by setting.

    given     the param values by name: a study's key `names`
    settings  the params of all settings
    usual     the params of asked.json
    where     the file and key, for the message

    Raises WrongInput if a name fits no setting or more than one, and if two settings have one name, or one has two.

    A name is for the setting that has the given values. Of several, it is the one with the values of asked.json in all
    other params.
    """
    names, others = dict[str, str](), flat_of(usual)
    for name, values in given.items():
        having = {x: own for x in settings if dict(values).items() <= (own := flat_of(settings[x])).items()}
        meant = [x for x, own in having.items() if own == others | dict(values)] or list(having)
        if len(meant) != 1:
            many = "more than one setting" if meant else "no setting"
            raise WrongInput(f"{where}: {name}: {many} with these values; {allowed_are(_first(settings), '')}")
        (setting,) = meant
        if setting in names:
            raise WrongInput(f"{where}: {name}: {setting} already has the name {names[setting]}; allowed is one")
        names[setting] = name
    shown = Counter(" ".join(names.get(setting, setting).split()) for setting in settings)
    ((name, count),) = shown.most_common(1)
    if count > 1:
        raise WrongInput(f"{where}: {name}: two settings have this name; allowed are different names")
    return names
