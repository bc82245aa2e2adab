"""Which setting is the baseline."""

import json
import re
from collections.abc import Collection, Iterable

from charloom.base.errors import WrongInput, allowed_are
from charloom.base.terminal import in_line

MANY = 12  # names in a message
ODD = re.compile(r"[\s=,\"\\]")  # what could be taken for the end of a name or of a value


def setting_name(names: Iterable[str], values: Iterable[object]) -> str:
    """Return `eta=0.1 train.initial_accumulator_value=10`. Two settings never have one name: what is odd is quoted."""
    return " ".join(f"{_quoted(name)}={_quoted(str(value))}" for name, value in zip(names, values, strict=True))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if ODD.search(text) or not text else text


def chosen(settings: Collection[str], baseline: str | None, where: str) -> str:
    """Return the setting that is meant: `a=1`, `a=1,b=2` in any order, the value alone where there is one column.

    It is the first where none is named. Raises WrongInput where it is not there, or no other to compare with it is.
    """
    if len(settings) < 2:
        raise WrongInput(f"{where}: one setting only, {in_line(next(iter(settings)))}; allowed are two or more")
    if baseline is None:
        return next(iter(settings))
    if baseline in settings:
        return baseline
    for name in settings:
        if name.partition("=")[2] in {baseline, _quoted(baseline)} or _parts(baseline) == _parts(name):
            return name
    names = [in_line(name) for name in settings]
    if len(names) > MANY:
        names[MANY:] = [f"{len(names) - MANY} more"]
    raise WrongInput(f"{where}: no setting {in_line(baseline)}; {allowed_are(names, in_line(baseline))}")


def _parts(name: str) -> list[str]:
    return sorted(name.replace(",", " ").split())
