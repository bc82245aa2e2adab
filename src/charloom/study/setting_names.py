"""The names of settings: made from the params that differ, or given in a study's file."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from charloom.core.base.errors import WrongInput, allowed_are
from charloom.core.config.params import Params, as_yaml, flat_of
from charloom.results.keys import differing, setting_params
from seedpairs.names import first_names


def levels_of(settings: Collection[Params]) -> list[dict[str, str]]:
    """Return, for each setting, the values of the params that vary: as text, by the params' dotted names.

    The seed is left out, and so is a param that has no effect in the setting.
    """
    varied, values = differing(settings), map(setting_params, settings)
    return [{x: as_yaml(params[x]).removesuffix(".0") for x in varied if x in params} for params in values]


def given_names(
    given: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Params], usual: Params, where: str
) -> dict[str, str]:
    """Return the names that a study's file gives to settings, by setting.

    given     the param values by name: a study's key `names`
    settings  the params of all settings
    usual     the params of asked.json
    where     the file and key, for the message

    A name is for the setting that has the given values. If several settings have these values, the name is for the one
    with the values of asked.json in all other params.

    Raises WrongInput if a name fits no setting or several, if two settings get one name, or if a setting gets two
    names.
    """
    names, others = dict[str, str](), flat_of(usual)
    flat = {setting: flat_of(params) for setting, params in settings.items()}
    for name, values in given.items():
        having = [x for x in settings if dict(values).items() <= flat[x].items()]
        meant = [x for x in having if flat[x] == others | dict(values)] or having
        if len(meant) != 1:
            many = "more than one setting" if meant else "no setting"
            raise WrongInput(f"{where}: {name}: {many} with these values; {allowed_are(first_names(settings), '')}")
        (setting,) = meant
        if setting in names:
            raise WrongInput(f"{where}: {name}: {setting} already has the name {names[setting]}; allowed is one")
        names[setting] = name
    shown = Counter(" ".join(names.get(setting, setting).split()) for setting in settings)
    ((name, count),) = shown.most_common(1)
    if count > 1:
        raise WrongInput(f"{where}: {name}: two settings have this name; allowed are different names")
    return names
