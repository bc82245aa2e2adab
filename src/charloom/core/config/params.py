"""The params, in frozen and typed sections. Each param declares what it affects, and its silent value: see Affects."""

import math
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from charloom.core.base.yaml12 import leaves
from charloom.core.network.order import CHUNKS, Order
from charloom.core.network.recipe import COMPILED, KERNEL, OPTIMIZERS, Recipe

PARAMS = Path("params.yaml")


Count = Annotated[int, Field(ge=1, le=2**53)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**64)]
Decay = Annotated[float, Field(ge=0, le=0.999999)]  # fraction of its moments that Adam keeps in an update
TRAINED_FOR_EACH_READ = 32  # characters trained per held-out character read at a checkpoint: 1 % of the time


class Affects(NamedTuple):
    """The results that a param can change, and its silent value: the value that gives the behaviour before it existed.

    `what` is that of one of four constants:
    WEIGHTS  the param can change the trained weights
    MEASURE  it can change measurements: the size of the held-out text, how much of it is read, and when
    SAMPLES  it can change the samples of text, but no row in the table of a study
    NOTHING  it changes no result: intervals of saving, the gradient check, the name of the text file (keys of runs
             have the SHA-256 of the text instead)
    """

    what: str
    silent: Any = ...  # `...` for a param of the first version


WEIGHTS, MEASURE, SAMPLES, NOTHING = (Affects(what) for what in ("weights", "measure", "samples", "nothing"))


class ParamSection(BaseModel):
    """The base class of the sections: frozen. It refuses unknown and missing keys, wrong types, NaN and infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _no_minus_zero(cls, value: Any) -> Any:
        """Return 0.0 for -0.0, and any other value unchanged, so that equal settings have equal names and keys."""
        return value + 0.0 if isinstance(value, float) else value


class Prepare(ParamSection):
    """The path of the text file, and the fraction of the text, in [0, 1), that training does not read (held out)."""

    text: Annotated[str, Field(min_length=1), NOTHING]
    held_out: Annotated[float, Field(ge=0, lt=1), MEASURE]


class Gradcheck(ParamSection):
    """The gradient check: the largest allowed relative error, the number of entries to compare in each
    matrix (see check.initial_errors), and the seed of the random weights at which gradients are compared.
    """

    tolerance: Annotated[Positive, NOTHING]
    entries: Annotated[Count, NOTHING]
    seed: Annotated[Seed, NOTHING]


class Train(ParamSection):
    """The params of the training loop. Comments in params.yaml explain each."""

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


class Sample(ParamSection):
    """The samples: lengths, in characters, with a checkpoint and with the best model, and the temperature of both."""

    length: Annotated[Count, SAMPLES]
    best_length: Annotated[Count, SAMPLES]
    temperature: Annotated[float, Field(ge=0), SAMPLES]


class Params(ParamSection):
    """All params in params.yaml. Comments in that file explain each."""

    m: Annotated[Count, WEIGHTS]
    eta: Annotated[Positive, WEIGHTS]
    seq_length: Annotated[Count, WEIGHTS]
    batch: Annotated[Count, Affects("weights", 1)]
    sigma: Annotated[Positive | Literal["fan_in"], WEIGHTS]
    seed: Annotated[Seed, WEIGHTS]
    optimizer: Annotated[Literal[tuple(OPTIMIZERS)], Affects("weights", "adagrad")]  # type: ignore[valid-type]  # a name of OPTIMIZERS
    backend: Annotated[Literal["kernel", "numpy"], Affects("weights", "kernel")]
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
        rest = optimizer(**rates), train.loss, order, self.batch, self.backend
        return Recipe(self.m, self.seq_length, self.sigma, clip, train.dtype, *rest)

    @property
    def characters(self) -> int:
        """Return the number of characters that an update reads."""
        return self.batch * self.seq_length

    @property
    def loss_of(self) -> tuple[int, int, Order]:
        """Return seq_length, batch and order. Smooth losses are comparable only between runs that have these equal."""
        return self.seq_length, self.batch, self.recipe.order

    @property
    def part_length(self) -> int:
        """Return the number of held-out characters that a held-out point measures, if the text has so many.

        Measuring all checkpoints takes less than a twentieth of the training time.
        """
        section = self.train
        return min(section.checkpoint_every * self.characters // TRAINED_FOR_EACH_READ, section.held_out_characters)

    @property
    def idle(self) -> frozenset[str]:
        """Return the dotted names of the idle params, which have no effect on any result.

        Params of an optimizer that is not used are idle. train.chunk_length is idle unless train.order is chunks.
        """
        rates = {name for kind in OPTIMIZERS.values() for name in kind._fields} - {*OPTIMIZERS[self.optimizer]._fields}
        chunks = set() if self.train.order == CHUNKS else {"chunk_length"}
        return frozenset(f"train.{name}" for name in rates | chunks)

    @model_validator(mode="after")
    def _fit_together(self) -> "Params":
        """Raise ValueError if the kernel has no step of the optimiser, or if a chunk is shorter than a sequence."""
        if self.backend == KERNEL and self.optimizer not in COMPILED:
            allowed = f"allowed with backend: kernel are {', '.join(COMPILED)}; backend: numpy trains with it"
            raise ValueError(f"optimizer: {self.optimizer} has no compiled step; {allowed}")
        train = self.train
        if train.order == CHUNKS and train.chunk_length < self.seq_length:
            less = f"{train.chunk_length} is less than seq_length ({self.seq_length})"
            raise ValueError(f"train.chunk_length: {less}; make it larger")
        return self


@cache
def affects(model: type[BaseModel]) -> dict[str, Affects]:
    """Return {dotted name: Affects} for each param of the class `model` and of its sections."""
    by_name: dict[str, Affects] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, ParamSection):
            by_name |= {f"{name}.{key}": effect for key, effect in affects(field.annotation).items()}
        else:
            (by_name[name],) = (effect for effect in field.metadata if isinstance(effect, Affects))
    return by_name


SILENT = {name: effect.silent for name, effect in affects(Params).items() if effect.silent is not ...}
# the params that a study may vary
VARIED = [name for name, effect in affects(Params).items() if effect.what == WEIGHTS.what and name != "seed"]


def as_yaml(value: Any) -> str:
    """Return a param's value as text for params.yaml and for DVC's option -S: `null` for None."""
    return "null" if value is None else str(value)


def sort_key(value: Any) -> tuple[bool, float, str]:
    """Return a sort key for the values of a param: numbers by size, then words and None by their text."""
    word = value is None or isinstance(value, str)
    return (word, 0.0, as_yaml(value)) if word else (word, value, "")


def flat_of(params: BaseModel) -> dict[str, Any]:
    """Return the values of all params, by dotted names such as `train.updates`."""
    return dict(leaves(params.model_dump()))


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values`, {dotted name: value}, as nested mappings: {"train.eps": 1} becomes {"train": {"eps": 1}}."""
    sections = defaultdict[str, dict[str, Any]](dict)
    for name, value in values.items():
        section, _, key = name.rpartition(".")
        sections[section][key] = value
    return sections.pop("", {}) | sections


def without_effect(params: Params) -> dict[str, Any]:
    """Return {dotted name: value} for the idle params (see Params.idle) whose value is not the usual one.

    The stage `prepare` prints these params, because the user may expect that they have an effect.
    """
    idle, usual = params.idle, SILENT | {"train.initial_accumulator_value": 0.0}
    return {name: value for name, value in flat_of(params).items() if name in idle and value != usual[name]}


def with_silent(values: Any) -> Any:
    """Add the silent value (see Affects) of each missing param that an earlier version did not have.

    values  nested params, as an earlier version wrote them; returned unchanged if they are no mapping
    """
    if not isinstance(values, Mapping):
        return values
    present = dict(leaves(dict(values)))
    return nested({name: value for name, value in SILENT.items() if name not in present} | present)


EarlierParams = Annotated[Params, BeforeValidator(with_silent)]  # params that an earlier version may have written
