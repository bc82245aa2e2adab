"""The params, and the functions that the stages call: the program's, and those of reference.py for missing ones."""

from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Literal

from pydantic import Field, create_model

from charloom.core.base.errors import WrongInput
from charloom.core.settings.params import PARAMS, Count, Positive, Section, Seed
from charloom.core.settings.reading import checked, read_mapping
from rnncheck.loaded import functions

import reference

NAMES = ("start", "gradients", "step", "following")
Params = create_model(  # a new param needs its type here
    "Params", __base__=Section, program=str, only_if_right=bool, text=str, m=Count, eta=Positive, seq_length=Count,
    sigma=Positive | Literal["fan_in"], clip=Positive | None, seed=Seed, updates=Count, checkpoint_every=Count,
    held_out=Annotated[Positive, Field(lt=1)], held_out_characters=Annotated[int, Field(ge=2)], sample_length=Count,
)  # fmt: skip


def read_params():
    """Return the params. Raises WrongInput, in one line, for a wrong key or value."""
    return checked(Params, read_mapping(PARAMS, Params.model_fields), PARAMS)


def load(params, program):
    """Return start, gradients, step, following and perhaps sample of a program; "" is the reference.

    The attribute `whose` says which functions are the program's. Raises WrongInput if the program has none of them, or
    if a program with its own `start`, perhaps another network, lacks gradients or following.
    """
    reference.eta = params.eta
    own = functions(Path(program), eta=params.eta, seq_length=params.seq_length) if program else {}
    if program and not own.keys() & NAMES:
        raise WrongInput(f"{program}: neither the program nor its map defines one of {', '.join(NAMES)}")
    if "start" in own and not {"gradients", "following"} <= own.keys():
        raise WrongInput(f"{program}: it defines start, so it also has to define gradients and following")
    theirs = [name for name in NAMES if name not in own]
    whose = f"{', '.join(own)}: {program}" if program else ""
    whose += f"; {', '.join(theirs)}: reference.py" if program and theirs else ""
    return SimpleNamespace(**vars(reference) | own, whose=whose or "all: reference.py")
