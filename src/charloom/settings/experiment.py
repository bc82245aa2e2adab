"""What names an experiment: the params that can matter to its results, and its text. Equal everywhere, always."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from charloom.settings.params import Params, flat

# How often a training saves and how the gradient is checked leave no trace in the results. The text's file name does
# not either: its content counts.
NO_MATTER = ("train.save_every", "gradcheck.", "prepare.text")
FIRST = ("eta", "train.initial_accumulator_value")  # what is varied most often
LONG = 13  # characters of a name


def naming_params(params: Params) -> dict[str, Any]:
    """Return the params that name an experiment, by their dotted names."""
    return {name: value for name, value in flat(params.model_dump()) if not name.startswith(NO_MATTER)}


def run_name(params: Params, committed: Mapping[str, Any]) -> str:
    """Return what is not as in the committed params, and then the seed: `eta=0.05 · seed 2`, `as committed · seed 2`.

    committed  by dotted names
    """
    return " · ".join([*(_settings(naming_params(params), committed) or ["as committed"]), f"seed {params.seed}"])


def setting(params: Params) -> str:
    """Return all naming params but the seed, what is often varied first: it puts runs of one setting together."""
    return " ".join(_settings(naming_params(params), {}))


def _settings(named: Mapping[str, Any], besides: Mapping[str, Any]) -> list[str]:
    """Return `name=value` of each but the seed that is not the same in `besides`.

    They are read in lists and legends of some 20 characters: of a long name its first word stands, as in `initial…=10`.
    """
    differ = [name for name in named if name != "seed" and named[name] != besides.get(name)]
    shown = {name: name.rpartition(".")[2] for name in sorted(differ, key=lambda name: name not in FIRST)}
    return [
        f"{short if len(short) < LONG else short.partition('_')[0] + '…'}={str(named[name]).removesuffix('.0')}"
        for name, short in shown.items()
    ]


def experiment_key(params: Params, text_sha256: str) -> str:
    """Return SHA-256, as 64 hexadecimal digits, of the naming params and of the text's own SHA-256."""
    named = {"params": naming_params(params), "text": text_sha256}
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()
