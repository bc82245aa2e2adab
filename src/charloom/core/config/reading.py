"""Read params.yaml, or another YAML file, and validate its values by a Pydantic class, with one-line error messages."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from yaml import MarkedYAMLError
from yaml.constructor import ConstructorError

from charloom.core.base.errors import WrongInput, allowed_are
from charloom.core.base.words import in_line
from charloom.core.base.yaml12 import LONGEST, NO_YAML, parse_yaml
from charloom.core.config.params import PARAMS, Params, flat_of, nested

QUOTED = 100  # characters of a wrong value that a message shows
TOO_LONG = "a number of more than 4,300 digits"
WORDS = {"sigma": "fan_in", "train.clip": "null"}  # allowed in place of a number

Checked = TypeVar("Checked", bound=BaseModel)


def read_params(path: Path = PARAMS) -> Params:
    """Return the validated params in the YAML file `path`.

    Raises WrongInput at the first error. The message names the file, the key, the value and the allowed values.
    """
    return validated(Params, read_mapping(path, Params.model_fields), path)


def read_mapping(path: Path, keys: Iterable[str]) -> dict[str, Any]:
    """Return the mapping in a YAML file. The keys and values of the mapping are not validated.

    keys  the allowed keys, which the message lists if the file contains no mapping

    Raises WrongInput, with the path, if the file cannot be read, is not YAML, contains no mapping, has a YAML alias, or
    has more than LONGEST characters.
    """
    try:
        with path.open(encoding="utf-8") as file:
            loaded = parse_yaml(file.read(LONGEST + 1))
    except OSError as error:
        advice = "; start charloom in the project's folder" if path == PARAMS else ""
        raise WrongInput(f"{path}: {error.strerror}{advice}") from None
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        problem = " ".join(f"{error.context or ''} {error.problem}".split())
        no_yaml = "" if isinstance(error, ConstructorError) else "not YAML: "
        raise WrongInput(f"{path}: {line}{no_yaml}{problem}") from None
    except NO_YAML as error:
        why = TOO_LONG if "int_max_str_digits" in str(error) else " ".join(str(error).split())
        raise WrongInput(f"{path}: not YAML: {why}") from None
    if not isinstance(loaded, dict):
        content = "is empty" if loaded is None else f"contains {_shown(loaded)}"
        raise WrongInput(f"{path}: {content}; allowed are the keys {', '.join(keys)}")
    return loaded


def validated(model: type[Checked], values: Any, path: Path, *, strict: bool | None = None) -> Checked:
    """Return the values as an object of the Pydantic class `model`. Raises WrongInput if a value is invalid.

    path    the file for the message, which names the first wrong key, its value and the allowed values
    strict  whether a text such as "5" is refused as a number; None: as the class declares
    """
    try:
        return model.model_validate(values, strict=strict)
    except ValidationError as error:
        raise WrongInput(f"{path}: {_line(error, model)}") from None


def _line(error: ValidationError, model: type[BaseModel]) -> str:
    """Return a message with the key, the value and the allowed values of the first error, or of an unknown key."""
    unknown = {"extra_forbidden", "invalid_key"}  # invalid: not a text
    first = min(error.errors(), key=lambda detail: detail["type"] not in unknown)
    # For a union of number and word, Pydantic appends the type's name to the location.
    names = first["loc"][:1] if first["loc"][:1] == ("sigma",) else first["loc"]
    key, value = in_line(".".join(map(str, names)))[:QUOTED], first["input"]
    word = f", or {WORDS[key]}" if key in WORDS else ""
    match first["type"]:
        case kind if kind in unknown:
            fields = _section(model, first["loc"][:-1]).model_fields
            return f"{key}: unknown key; {allowed_are(fields, str(first['loc'][-1]))}"
        case "value_error":
            return first["msg"].removeprefix("Value error, ")
        case "missing":
            return f"{key}: the key is missing; add it"
        case "model_type":
            keys = _section(model, first["loc"]).model_fields
            return f"{key}: {_shown(value)} is not allowed; allowed is a section with the keys {', '.join(keys)}"
        case "float_type" | "int_type" if isinstance(value, str):
            return f"{key}: {_shown(value)} is a text, not a number: write it as 100, 0.1 or 1e-5, without quotes{word}"
        case _:
            shown = "an empty value" if value is None else _shown(value)
            allowed = first["msg"].removeprefix("Input should be ").removeprefix("String should have ")
            return f"{key}: {shown} is not allowed; it has to be {allowed}{word}"


def _shown(value: Any) -> str:
    """Return the value's repr, cut after QUOTED characters."""
    shown = repr(value)
    return shown if len(shown) <= QUOTED else f"{shown[:QUOTED]}…"


def _section(model: Any, names: tuple[int | str, ...]) -> Any:
    """Return the class of a section of the class `model`. `names` are the keys on the way to it, outermost first."""
    for name in names:
        model = model.model_fields[name].annotation
    return model


def with_overrides(params: Params, overrides: Mapping[str, Any], path: Path) -> Params:
    """Return a copy of the params with some values replaced. Raises WrongInput if the result is invalid.

    overrides  the new values, {dotted name: value}
    path       the file that the message names
    """
    return validated(Params, nested(flat_of(params) | dict(overrides)), path)
