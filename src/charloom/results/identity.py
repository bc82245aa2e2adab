"""Keys and names: of an experiment, of a trial of a study, and of a run; and the hash of a training's results.

A key leaves out each param that cannot change the record that it names: the settings of samples are in the key of an
experiment, whose run in MLflow shows samples, and not in the key of a trial. A key also leaves out each param at its
silent value (SILENT), so that a new param changes no existing key. Silent values complete the params of files from
earlier versions; they never complete params.yaml.
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

FIRST = ("eta", "train.initial_accumulator_value")  # the params that are varied most often: first in a run's name
LONG = 13  # characters of a param's name from which on it is abbreviated

SIGNATURE = Path("signature.json")
DIGITS = 16  # hexadecimal digits of a key in a table


def with_silent(values: Any) -> Any:
    """Return the params, as nested mappings, with the silent value of each param that an earlier version did not have.

    values  params from a params.yaml, a log or a run; a value that is no mapping is returned unchanged
    """
    if not isinstance(values, Mapping):
        return values
    present = dict(leaves(dict(values)))
    return nested({name: value for name, value in SILENT.items() if name not in present} | present)


EarlierParams = Annotated[Params, BeforeValidator(with_silent)]  # params that an earlier version may have written


def naming_params(params: Params) -> dict[str, Any]:
    """Return the params that identify an experiment, by their dotted names, silent values included."""
    return _affecting(params, WEIGHTS, MEASURE, SAMPLES)


def _affecting(params: Params, *things: Affects) -> dict[str, Any]:
    """Return the params that affect one of these things and are not idle, by their dotted names."""
    kinds, effects, idle = {thing.what for thing in things}, affects(type(params)), params.idle
    return {name: value for name, value in flat_of(params).items() if effects[name].what in kinds and name not in idle}


def without_effect(params: Params) -> dict[str, Any]:
    """Return the idle params that are not at their usual value: their author may expect an effect."""
    idle, usual = params.idle, SILENT | {"train.initial_accumulator_value": 0.0}
    return {name: value for name, value in flat_of(params).items() if name in idle and value != usual[name]}


def trial_params(params: Params) -> dict[str, Any]:
    """Return the params that identify a trial, by their dotted names: all that can change its row or its curves."""
    return _affecting(params, WEIGHTS, MEASURE)


def setting_params(params: Params) -> dict[str, Any]:
    """Return the params of a setting, by their dotted names: those of a trial without the seed."""
    return {name: value for name, value in trial_params(params).items() if name != "seed"}


def differing(settings: Collection[Params]) -> list[str]:
    """Return the dotted names of the params that differ between the settings and affect at least one of them."""
    values, effective = [flat_of(params) for params in settings], set[str]().union(*map(trial_params, settings))
    return [name for name in (values or [{}])[0] if name in effective and len({flat[name] for flat in values}) > 1]


def experiment_key(params: Params, text_sha256: str) -> str:
    """Return the SHA-256 of the naming params and of the text's own SHA-256, as 64 hexadecimal digits."""
    return _key(naming_params(params), text_sha256)


def trial_key(params: Params, text_sha256: str, arithmetic: str) -> str:
    """Return the key of a trial, 16 hexadecimal digits, from its params, its text and `arithmetic_of` its recipe."""
    return _short([_key(trial_params(params), text_sha256), arithmetic])


def question_key(text_sha256: str, settings: Iterable[Params], baseline: Params, declared: list[Any]) -> str:
    """Return the key of a question, 16 hexadecimal digits.

    declared  the question's other declarations, without seeds and looks
    """
    keys = [_key(setting_params(params), text_sha256) for params in (baseline, *settings)]
    return _short([keys[0], sorted(keys[1:]), declared])


def trial_key_0_1(params: Params, text_sha256: str, arithmetic: str) -> str:
    """Return the key that charloom 0.1 gave a trial: it included the settings of samples."""
    return _short([experiment_key(params, text_sha256), arithmetic])


def _key(named: Mapping[str, Any], text_sha256: str) -> str:
    params = {name: value for name, value in named.items() if name not in SILENT or SILENT[name] != value}
    return hashlib.sha256(json.dumps({"params": params, "text": text_sha256}, sort_keys=True).encode()).hexdigest()


def _short(content: list[Any]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:DIGITS]


def arithmetic_of(kind: str, project: Project = HERE) -> str:
    """Return the digest of the entries in the project's signature.json for this kind of recipe: training and scoring.

    Raises Damaged if the file is missing, is no signature, or has no such entry.
    """
    name, dtype = kind.replace(f"{SILENT['optimizer']} ", ""), kind.rpartition(" ")[2]
    try:
        signature = json.loads((project.root / SIGNATURE).read_text(encoding="utf-8"))
        return arithmetic_digest(signature[name], signature["costs"][dtype])
    except KeyError as error:
        again = f"python -m charloom.signature > {SIGNATURE}"
        raise Damaged(f"{SIGNATURE}: no entry {error}; `{again}` writes the file") from None
    except OSError as error:
        raise Damaged(f"{SIGNATURE}: {error.strerror}; `git restore {SIGNATURE}` brings it back") from None
    except (ValueError, LookupError, TypeError):
        raise Damaged(f"{SIGNATURE}: not a signature; `git restore {SIGNATURE}` brings it back") from None


def arithmetic_digest(states: Any, costs: Any) -> str:
    """Return the digest, 16 hexadecimal digits, of the states of a training and of the costs of a text."""
    return _short([states, costs])


def run_name(params: Params, committed: Mapping[str, Any]) -> str:
    """Return a name for a run: the params that differ from the committed ones, then the seed.

    `eta=0.05 · seed 2`, or `as committed · seed 2` if no param differs. If the text's file differs, its name comes
    first: `my.txt · eta=0.05 · seed 2`.

    committed  the committed params, by dotted names
    """
    text = flat_of(params)["prepare.text"]
    other = [in_line(Path(text).name)] if committed.get("prepare.text", text) != text else []
    differ = _settings(naming_params(params), committed)
    return " · ".join([*other, *(differ or ["as committed"]), f"seed {params.seed}"])


def name_of(params: Params) -> str:
    """Return the run's name by `run_name`. If Git has no committed params, no param counts as different."""
    usual = naming_params(params)
    with suppress(Unavailable, *NO_YAML, AttributeError):  # no commit, or its params.yaml is no mapping
        usual = SILENT | dict(leaves(parsed(git("show", f"{commit()}:./{PARAMS}"))))
    return run_name(params, usual)


def setting(params: Params) -> str:
    """Return all naming params except the seed, to group runs by. Params that are often varied come first."""
    return " ".join(_settings(naming_params(params), SILENT))


def _settings(named: Mapping[str, Any], usual: Mapping[str, Any]) -> list[str]:
    """Return `name=value` for each param, except the seed, whose value in `usual` is different or missing.

    Lists and legends have room for some 20 characters: a long name is cut after its first word, as in `initial…=10`.
    """
    differ = [name for name in named if name != "seed" and (name not in usual or named[name] != usual[name])]
    shown = {name: name.rpartition(".")[2] for name in sorted(differ, key=lambda name: name not in FIRST)}
    return [
        f"{short if len(short) < LONG else short.partition('_')[0] + '…'}={as_yaml(named[name]).removesuffix('.0')}"
        for name, short in shown.items()
    ]


def results_hash(last: Array, best: Array, trace: Iterable[Array]) -> str:
    """Return the SHA-256 of a training's results, as 64 hexadecimal digits: its weights and its trace.

    last, best  (n,) all parameters of the last and of the best model in one vector
    trace       the columns of plots/*.csv, an array each: smooth losses, first losses, statistics of the gradient
    """
    digest = hashlib.sha256()
    for array in (last, best, *trace):
        ordered = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        digest.update(f"{ordered.dtype.str}{ordered.shape}".encode())
        digest.update(ordered.tobytes())
    return digest.hexdigest()
