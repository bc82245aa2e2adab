"""params.yaml: its keys and their types. A wrong value gives one line. A new param needs a line here."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from charloom.core.settings.params import Count, Positive, Section, Seed
from charloom.core.settings.reading import checked, read_mapping

PARAMS = Path("params.yaml")


class Params(Section):
    """The params. Comments in params.yaml explain them."""

    program: Annotated[str, Field(pattern=r"^programs/[^/]+\.(py|ipynb)$")]
    only_if_right: bool
    text: str
    held_out: Annotated[float, Field(gt=0, lt=1)]
    held_out_characters: Annotated[int, Field(ge=2)]
    m: Count
    eta: Positive
    seq_length: Count
    sigma: Positive | Literal["fan_in"]
    clip: Positive | None
    seed: Seed
    updates: Count
    checkpoint_every: Count
    sample_length: Count


def read_params():
    """Return the checked params. Raises WrongInput with the key, the value and what is allowed."""
    return checked(Params, read_mapping(PARAMS, Params.model_fields), PARAMS)
