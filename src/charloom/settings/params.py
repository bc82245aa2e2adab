"""Read params.yaml once, by DVC's rules (YAML 1.2), into frozen and typed sections."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from yaml import MarkedYAMLError
from yaml.constructor import ConstructorError

from charloom.base.errors import WrongInput, allowed_are
from charloom.base.yaml_text import LONGEST, NO_YAML, parsed
from charloom.network.order import CHUNKS, Order
from charloom.network.recipe import OPTIMIZERS, Recipe
from dvc_summary.locks import leaves

PARAMS = Path("params.yaml")

QUOTED = 100  # characters of a wrong value that a message shows
TOO_LONG = "a number of more than 4,300 digits"

Count = Annotated[int, Field(ge=1, le=2**53)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**64)]
Decay = Annotated[float, Field(ge=0, le=0.999999)]  # fraction of its moments that Adam keeps in an update

WORDS = {"sigma": "fan_in", "train.clip": "null"}  # allowed in place of a number

Checked = TypeVar("Checked", bound=BaseModel)


class Affects(NamedTuple):
    """The results that a param can change, and its silent value: the behaviour before the param existed.

    `what` has one of four values:
    WEIGHTS  the trained weights
    MEASURE  the measurements during and after training: the held-out text, how much of it is read, and when
    SAMPLES  the samples, which are in no row of a study
    NOTHING  no result: intervals of saving, the gradient check, the text's file name (its content counts by its hash)
    """

    what: str
    silent: Any = ...  # `...` for a param of the first version


WEIGHTS, MEASURE, SAMPLES, NOTHING = (Affects(what) for what in ("weights", "measure", "samples", "nothing"))


class Section(BaseModel):
    """The base of all sections: frozen. Unknown keys, missing keys, wrong types, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _no_minus_zero(cls, value: Any) -> Any:
        """Return 0.0 for -0.0, and any other value unchanged, so that equal settings have equal names and keys."""
        return value + 0.0 if isinstance(value, float) else value


class Prepare(Section):
    """The text's file, and the held-out fraction of the text, which training does not read."""

    text: Annotated[str, Field(min_length=1), NOTHING]
    held_out: Annotated[float, Field(ge=0, lt=1), MEASURE]


class Gradcheck(Section):
    """The gradient check: the largest allowed relative error, the entries to compare in each matrix (see
    check.initial_errors), and the seed of the weights.
    """

    tolerance: Annotated[Positive, NOTHING]
    entries: Annotated[Count, NOTHING]
    seed: Annotated[Seed, NOTHING]


class Train(Section):
    """The training loop; comments in params.yaml explain the params."""

    updates: Annotated[int, Field(ge=0, le=2**53), WEIGHTS]
    order: Annotated[Literal["reading", "chunks", "positions"], Affects("weights", "reading")]
    chunk_length: Annotated[Count, Affects("weights", 1000)]
    loss: Annotated[Literal["sum", "mean"], Affects("weights", "sum")]
    initial_accumulator_value: Annotated[float, Field(ge=0), WEIGHTS]
    b1: Annotated[Decay, Affects("weights", 0.9)]
    b2: Annotated[Decay, Affects("weights", 0.999)]
    eps: Annotated[Positive, Affects("weights", 1e-8)]
    clip: Annotated[Positive | None, WEIGHTS]
    dtype: Annotated[Literal["float64", "float32"], WEIGHTS]
    checkpoint_every: Annotated[Count, MEASURE]
    save_every: Annotated[Count, NOTHING]
    target_smooth_loss: Annotated[Positive, MEASURE]
    held_out_characters: Annotated[Count, MEASURE]


class Sample(Section):
    """The samples: length of a checkpoint's sample and of the best model's sample, in characters, and temperature."""

    length: Annotated[Count, SAMPLES]
    best_length: Annotated[Count, SAMPLES]
    temperature: Annotated[float, Field(ge=0), SAMPLES]


class Params(Section):
    """All of params.yaml."""

    m: Annotated[Count, WEIGHTS]
    eta: Annotated[Positive, WEIGHTS]
    seq_length: Annotated[Count, WEIGHTS]
    batch: Annotated[Count, Affects("weights", 1)]
    sigma: Annotated[Positive | Literal["fan_in"], WEIGHTS]
    seed: Annotated[Seed, WEIGHTS]
    optimizer: Annotated[Literal["adagrad", "adam"], Affects("weights", "adagrad")]
    prepare: Prepare
    gradcheck: Gradcheck
    train: Train
    sample: Sample

    @property
    def recipe(self) -> Recipe:
        """Return the recipe of a training: the settings that determine its weights, except text, seed and updates."""
        optimizer, train = OPTIMIZERS[self.optimizer], self.train
        rates = {name: value for name, value in {"eta": self.eta, **dict(train)}.items() if name in optimizer._fields}
        clip = math.inf if train.clip is None else train.clip
        order = Order(train.order, train.chunk_length if train.order == CHUNKS else 0)
        rest = optimizer(**rates), train.loss, order, self.batch
        return Recipe(self.m, self.seq_length, self.sigma, clip, train.dtype, *rest)

    @property
    def characters(self) -> int:
        """Return the number of characters that an update reads."""
        return self.batch * self.seq_length

    @property
    def loss_of(self) -> tuple[int, int, Order]:
        """Return seq_length, batch and order. Smooth losses can be compared only between runs that agree in these."""
        return self.seq_length, self.batch, self.recipe.order

    @property
    def idle(self) -> frozenset[str]:
        """Return the dotted names of the idle params, which have no effect on any result.

        They are the rates of other optimizers, and train.chunk_length unless train.order is chunks.
        """
        rates = {name for kind in OPTIMIZERS.values() for name in kind._fields} - {*OPTIMIZERS[self.optimizer]._fields}
        chunks = set() if self.train.order == CHUNKS else {"chunk_length"}
        return frozenset(f"train.{name}" for name in rates | chunks)

    @model_validator(mode="after")
    def _fit_a_chunk(self) -> "Params":
        """Raise ValueError if chunks are shorter than a sequence."""
        train = self.train
        if train.order == CHUNKS and train.chunk_length < self.seq_length:
            raise ValueError(f"train.chunk_length: {train.chunk_length} is less than seq_length ({self.seq_length})")
        return self


@cache
def affects(model: type[BaseModel]) -> dict[str, Affects]:
    """Return what each param of the model and of its sections affects, by the param's dotted name."""
    by_name: dict[str, Affects] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            by_name |= {f"{name}.{key}": effect for key, effect in affects(field.annotation).items()}
        else:
            (by_name[name],) = (effect for effect in field.metadata if isinstance(effect, Affects))
    return by_name


SILENT = {name: effect.silent for name, effect in affects(Params).items() if effect.silent is not ...}
# the params that a study may vary
VARIED = [name for name, effect in affects(Params).items() if effect.what == WEIGHTS.what and name != "seed"]


def read_params(path: Path = PARAMS) -> Params:
    """Return the params in the file, checked.

    Raises WrongInput with one line that names the file, the key, the value and what is allowed.
    """
    return checked(Params, read_mapping(path, Params.model_fields), path)


def read_mapping(path: Path, keys: Iterable[str]) -> dict[str, Any]:
    """Return the mapping in a YAML file. Its keys and values are not checked.

    keys  the keys that the message names

    Raises WrongInput, with the path, if the file cannot be read, is not YAML, has an alias or more than LONGEST
    characters, or contains no mapping.
    """
    try:
        with path.open(encoding="utf-8") as file:
            loaded = parsed(file.read(LONGEST + 1))
    except OSError as error:
        where = "; start charloom in the project's folder" if path == PARAMS else ""
        raise WrongInput(f"{path}: {error.strerror}{where}") from None
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        problem = " ".join(f"{error.context or ''} {error.problem}".split())
        no_yaml = "" if isinstance(error, ConstructorError) else "not YAML: "
        raise WrongInput(f"{path}: {line}{no_yaml}{problem}") from None
    except NO_YAML as error:
        why = TOO_LONG if "int_max_str_digits" in str(error) else " ".join(str(error).split())
        raise WrongInput(f"{path}: not YAML: {why}") from None
    if not isinstance(loaded, dict):
        what = "is empty" if loaded is None else f"contains {_shown(loaded)}"
        raise WrongInput(f"{path}: {what}; allowed are the keys {', '.join(keys)}")
    return loaded


def checked(model: type[Checked], values: Any, path: Path, *, strict: bool = True) -> Checked:
    """Return the values as an object of the class `model`. Raises WrongInput, with `path`, if they are invalid.

    The message names the first wrong key, its value and what is allowed.

    strict  whether a text is no number
    """
    try:
        return model.model_validate(values, strict=strict)
    except ValidationError as error:
        raise WrongInput(f"{path}: {_line(error, model)}") from None


def _line(error: ValidationError, model: type[BaseModel]) -> str:
    """Return a message about the first error: the key, its value and what is allowed. An unknown key comes first."""
    unknown = {"extra_forbidden", "invalid_key"}  # invalid: not a text
    first = min(error.errors(), key=lambda detail: detail["type"] not in unknown)
    # For a union of number and word, Pydantic appends the type's name to the location.
    names = first["loc"][:1] if first["loc"][:1] == ("sigma",) else first["loc"]
    key, value = ".".join(map(str, names))[:QUOTED], first["input"]
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
            what = "an empty value" if value is None else _shown(value)
            allowed = first["msg"].removeprefix("Input should be ").removeprefix("String should have ")
            return f"{key}: {what} is not allowed; it has to be {allowed}{word}"


def _shown(value: Any) -> str:
    """Return the value's repr, cut after QUOTED characters."""
    shown = repr(value)
    return shown if len(shown) <= QUOTED else f"{shown[:QUOTED]}…"


def _section(model: Any, names: tuple[int | str, ...]) -> Any:
    """Return the class of the section that these names, from the outermost on, lead to in the model."""
    for name in names:
        model = model.model_fields[name].annotation
    return model


def as_yaml(value: Any) -> str:
    """Return a param's value as text for params.yaml and for DVC's option -S: `null` for None."""
    return "null" if value is None else str(value)


def in_order(value: Any) -> tuple[bool, float, str]:
    """Return a sort key for the values of a param: numbers by size, then words and None by their text."""
    word = value is None or isinstance(value, str)
    return (word, 0.0, as_yaml(value)) if word else (word, value, "")


def flat_of(params: BaseModel) -> dict[str, Any]:
    """Return the values of all params, by dotted names such as `train.updates`."""
    return dict(leaves(params.model_dump()))


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values, given by dotted names, as nested mappings."""
    sections = defaultdict[str, dict[str, Any]](dict)
    for name, value in values.items():
        section, _, key = name.rpartition(".")
        sections[section][key] = value
    return sections.pop("", {}) | sections


def overridden(params: Params, overrides: Mapping[str, Any], path: Path) -> Params:
    """Return a copy of the params with some values replaced. Raises WrongInput, with `path`, if the result is invalid.

    overrides  new values by dotted names
    """
    return checked(Params, nested(flat_of(params) | dict(overrides)), path)
