"""Which setting is the baseline."""

from collections.abc import Collection

from charloom.base.errors import WrongInput, allowed_are
from charloom.base.terminal import in_line

MANY = 12  # names in a message


def chosen(settings: Collection[str], baseline: str | None, where: str) -> str:
    """Return the setting that is meant: `a=1`, `a=1,b=2` in any order, the value alone where there is one column.

    It is the first where none is named. Raises WrongInput where it is not there, or no other to compare with it is.
    """
    if len(settings) < 2:
        raise WrongInput(f"{where}: one setting only, {in_line(next(iter(settings)))}; allowed are two or more")
    if baseline is None:
        return next(iter(settings))
    for name in settings:
        if baseline == name.partition("=")[2] or _parts(baseline) == _parts(name):
            return name
    names = [in_line(name) for name in settings]
    if len(names) > MANY:
        names[MANY:] = [f"{len(names) - MANY} more"]
    raise WrongInput(f"{where}: no setting {in_line(baseline)}; {allowed_are(names, in_line(baseline))}")


def _parts(name: str) -> list[str]:
    return sorted(name.replace(",", " ").split())
