"""Who is the same: what names an experiment, a trial of a study and a run; and the hash of what a training came to.

A param that cannot change what is said is in no key: a run in MLflow shows samples, a row of a study does not. Nor is
one at its silent value: so a new param renames nothing. Silent values also serve to read what was written earlier. They
never fill params.yaml.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from charloom.base.errors import Damaged, Unavailable
from charloom.base.terminal import in_line
from charloom.base.types import Array
from charloom.base.yaml_text import NO_YAML, parsed
from charloom.results.git import commit, git
from charloom.settings.params import (
    MEASURE,
    PARAMS,
    SAMPLES,
    SILENT,
    WEIGHTS,
    Affects,
    Params,
    affects,
    as_yaml,
    flat_of,
    nested,
)
from charloom.settings.pipeline import HERE, Project
from dvc_summary.locks import leaves

FIRST = ("eta", "train.initial_accumulator_value")  # what is varied most often
LONG = 13  # characters of a name

SIGNATURE = Path("signature.json")
DIGITS = 16  # of a key, in a table


def with_silent(values: Any) -> Any:
    """Return what params.yaml, a log or a run said of its params, with what was silent then said."""
    if not isinstance(values, Mapping):
        return values
    known = dict(leaves(dict(values)))
    return nested({name: value for name, value in SILENT.items() if name not in known} | known)


EarlierParams = Annotated[Params, BeforeValidator(with_silent)]  # as a file has them that may be of an earlier version


def naming_params(params: Params) -> dict[str, Any]:
    """Return the params that name an experiment, by their dotted names; a key leaves those out that are silent."""
    return _affecting(params, WEIGHTS, MEASURE, SAMPLES)


def _affecting(params: Params, *things: Affects) -> dict[str, Any]:
    """Return the params that have an effect, and on such a thing: each key is of such a selection."""
    kinds, known, idle = {each.what for each in things}, affects(type(params)), params.idle
    return {name: value for name, value in flat_of(params).items() if known[name].what in kinds and name not in idle}


def without_effect(params: Params) -> dict[str, Any]:
    """Return what is idle and yet not at its usual value: somebody may have thought that it has an effect."""
    idle, usual = params.idle, SILENT | {"train.initial_accumulator_value": 0.0}
    return {name: value for name, value in flat_of(params).items() if name in idle and value != usual[name]}


def trial_params(params: Params) -> dict[str, Any]:
    """Return the params that name a trial, by their dotted names: all that can change its row or its curves."""
    return _affecting(params, WEIGHTS, MEASURE)


def setting_params(params: Params) -> dict[str, Any]:
    """Return what a setting is: the params that name a trial, but for the seed."""
    return {name: value for name, value in trial_params(params).items() if name != "seed"}


def differing(each: Collection[Params]) -> list[str]:
    """Return the names of the params in which these differ, of those that have an effect in one of them at least."""
    values, matter = [flat_of(params) for params in each], set[str]().union(*map(trial_params, each))
    return [name for name in (values or [{}])[0] if name in matter and len({of[name] for of in values}) > 1]


def experiment_key(params: Params, text_sha256: str) -> str:
    """Return SHA-256, as 64 hexadecimal digits, of the naming params and of the text's own SHA-256."""
    return _key(naming_params(params), text_sha256)


def trial_key(params: Params, text_sha256: str, arithmetic: str) -> str:
    """Return what names a trial: its params, its text, and the digest of the signature (see `arithmetic_of`)."""
    return _short([_key(trial_params(params), text_sha256), arithmetic])


def question_key(text_sha256: str, settings: Iterable[Params], baseline: Params, declared: list[Any]) -> str:
    """Return what names a question: text, settings, baseline, and what is declared beside seeds and looks."""
    keys = [_key(setting_params(params), text_sha256) for params in (baseline, *settings)]
    return _short([keys[0], sorted(keys[1:]), declared])


def trial_key_0_1(params: Params, text_sha256: str, arithmetic: str) -> str:
    """Return what named a trial in charloom 0.1, when the settings of samples were in its key."""
    return _short([experiment_key(params, text_sha256), arithmetic])


def _key(named: Mapping[str, Any], text_sha256: str) -> str:
    said = {name: value for name, value in named.items() if name not in SILENT or SILENT[name] != value}
    return hashlib.sha256(json.dumps({"params": said, "text": text_sha256}, sort_keys=True).encode()).hexdigest()


def _short(content: list[Any]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:DIGITS]


def arithmetic_of(kind: str, project: Project = HERE) -> str:
    """Return the digest of what the project's signature.json says of this kind of recipe: of training and of reading.

    Raises Damaged where it says nothing.
    """
    name, dtype = kind.replace(f"{SILENT['optimizer']} ", ""), kind.rpartition(" ")[2]
    try:
        said = json.loads((project.root / SIGNATURE).read_text(encoding="utf-8"))
        return arithmetic_digest(said[name], said["costs"][dtype])
    except KeyError as error:
        again = f"python -m charloom.signature > {SIGNATURE}"
        raise Damaged(f"{SIGNATURE}: says nothing of {error}; `{again}` writes it") from None
    except OSError as error:
        raise Damaged(f"{SIGNATURE}: {error.strerror}; `git restore {SIGNATURE}` brings it back") from None
    except (ValueError, LookupError, TypeError):
        raise Damaged(f"{SIGNATURE}: not the signature; `git restore {SIGNATURE}` brings it back") from None


def arithmetic_digest(states: Any, costs: Any) -> str:
    """Return the digest of what training and reading come to."""
    return _short([states, costs])


def run_name(params: Params, committed: Mapping[str, Any]) -> str:
    """Return what is not as in the committed params, and then the seed: `eta=0.05 · seed 2`, `as committed · seed 2`.

    Before that the text's file, where it is another one: `my.txt · eta=0.05 · seed 2`.

    committed  by dotted names
    """
    text = flat_of(params)["prepare.text"]
    other = [in_line(Path(text).name)] if committed.get("prepare.text", text) != text else []
    differ = _settings(naming_params(params), committed)
    return " · ".join([*other, *(differ or ["as committed"]), f"seed {params.seed}"])


def name_of(params: Params) -> str:
    """Return the run's name, as `run_name` does. Where Git knows no params, nothing counts as different."""
    usual = naming_params(params)  # nothing differs
    with suppress(Unavailable, *NO_YAML, AttributeError):  # no commit, or no mapping in it
        usual = SILENT | dict(leaves(parsed(git("show", f"{commit()}:./{PARAMS}"))))
    return run_name(params, usual)


def setting(params: Params) -> str:
    """Return all naming params but the seed, what is often varied first: it puts runs of one setting together."""
    return " ".join(_settings(naming_params(params), SILENT))


def _settings(named: Mapping[str, Any], besides: Mapping[str, Any]) -> list[str]:
    """Return `name=value` of each but the seed that is not the same in `besides`.

    They are read in lists and legends of some 20 characters: of a long name its first word stands, as in `initial…=10`.
    """
    differ = [name for name in named if name != "seed" and (name not in besides or named[name] != besides[name])]
    shown = {name: name.rpartition(".")[2] for name in sorted(differ, key=lambda name: name not in FIRST)}
    return [
        f"{short if len(short) < LONG else short.partition('_')[0] + '…'}={as_yaml(named[name]).removesuffix('.0')}"
        for name, short in shown.items()
    ]


def results_hash(last: Array, best: Array, trace: Iterable[Array]) -> str:
    """Return SHA-256, as 64 hexadecimal digits, of what a training came to: its weights and its trace, nothing else.

    last, best  (n,) all parameters in one vector
    trace       what plots/*.csv hold, a column an array: smooth losses, first losses, statistics of the gradient
    """
    digest = hashlib.sha256()
    for array in (last, best, *trace):
        ordered = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        digest.update(f"{ordered.dtype.str}{ordered.shape}".encode())
        digest.update(ordered.tobytes())
    return digest.hexdigest()
