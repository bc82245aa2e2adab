"""Keys and names of experiments, of trials and of runs.

Keys identify three things: a run (params and text), a setting (params and text without the seed), and the code (by a
digest of results that the code computes). asked.json is the file of a study that stores its question.

function         identifies                                              used for
experiment_key   a run, with its samples, and the code of network/       runs in MLflow
trial_key        a run, and the code by `arithmetic_of`                  rows of a study's table
setting_key      a setting, and the code of network/                     questions of studies: Study.question_key
weights_key      a setting and the code, without updates and backend     seeds that an answer has used
arithmetic_of    the code of the kernel, by signature.json               asked.json, trial_key
arithmetic       the code of the kernel, by this process: hashes.py      workers of a study, which must agree
small_trial      the code of the kernel and of the measures: trial.py    asked.json, a worker
network_digest   the code of network/, on this machine: by_numpy.py      metrics/results.json, experiment_key
resume.key       a run, by all inputs of the stage `train`               the folder of a resume state

The key of a run or a setting leaves out each param that cannot change the identified results. For example, params of
samples are part of an experiment's key, because runs in MLflow show samples, but not of a trial's key. A key also
leaves out each param that has its silent value (SILENT), which gives the behaviour before the param existed. So a new
param changes no existing key. Silent values complete params that an earlier version wrote; they never complete
params.yaml.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from charloom.core.backend.by_numpy import network_digest
from charloom.core.base.errors import Damaged, Unavailable
from charloom.core.base.git import git
from charloom.core.base.words import in_line
from charloom.core.base.yaml12 import NO_YAML, leaves, parse_yaml
from charloom.core.config.params import PARAMS, SILENT, Params, affects, as_yaml, flat_of

FIRST = ("eta", "train.initial_accumulator_value")  # the params that are varied most often: first in a run's name
LONG = 13  # characters of a param's name from which on it is abbreviated

SIGNATURE = Path("signature.json")
DIGITS = 16  # hexadecimal digits of a key in a table
RESULT_KINDS = ("weights", "measure", "samples")  # the kinds of params that affect a result: see Affects


def _affecting(params: Params, *kinds: str) -> dict[str, Any]:
    """Return {dotted name: value} of the params that affect results of these kinds (see Affects) and are not idle."""
    effects, idle = affects(type(params)), params.idle
    return {name: value for name, value in flat_of(params).items() if effects[name].what in kinds and name not in idle}


def trial_params(params: Params) -> dict[str, Any]:
    """Return the params that identify a trial, by their dotted names: all params that can change its row or curves."""
    return _affecting(params, "weights", "measure")


def setting_params(params: Params) -> dict[str, Any]:
    """Return the params of a setting, by their dotted names: those that identify a trial, without the seed."""
    return {name: value for name, value in trial_params(params).items() if name != "seed"}


def differing(settings: Collection[Params]) -> list[str]:
    """Return the dotted names of params whose values differ between settings, if a setting's trials depend on them."""
    values, effective = [flat_of(params) for params in settings], set[str]().union(*map(trial_params, settings))
    return [name for name in (values or [{}])[0] if name in effective and len({flat[name] for flat in values}) > 1]


def experiment_key(params: Params, text_sha256: str, network: str = "") -> str:
    """Return the key of an experiment (a run in MLflow): a SHA-256 over its params, text and code, 64 hex digits.

    network  the result of `network_digest` for the code that trains: "" with the backend `kernel`
    """
    return _key(_affecting(params, *RESULT_KINDS), text_sha256, network)


def weights_key(params: Params, text_sha256: str, network: str) -> str:
    """Return a key of the weights that a setting gives: 64 hexadecimal digits.

    The key does not depend on the seed, the number of updates and the backend. Fewer updates with the same seed are the
    beginning of the same training. Another backend may only round differently.

    network  a digest of what network/ computes if it was edited, else ""
    """
    left_out = {"seed", "train.updates", "backend"}
    values = {name: value for name, value in _affecting(params, "weights").items() if name not in left_out}
    return _key(values, text_sha256, network)


def trial_key(params: Params, text_sha256: str, arithmetic: str) -> str:
    """Return the key of a trial (a training of a study): 16 hexadecimal digits.

    arithmetic  the result of `arithmetic_of` for the kind of the params' recipe
    """
    return short_digest([_key(trial_params(params), text_sha256, ""), arithmetic])


def setting_key(params: Params, text_sha256: str, network: str) -> str:
    """Return the key of a setting: 64 hexadecimal digits. `network`: see experiment_key."""
    return _key(setting_params(params), text_sha256, network)


def _key(values: Mapping[str, Any], text_sha256: str, network: str) -> str:
    params = {name: value for name, value in values.items() if name not in SILENT or SILENT[name] != value}
    params |= {"network": network} if network else {}
    return hashlib.sha256(json.dumps({"params": params, "text": text_sha256}, sort_keys=True).encode()).hexdigest()


def short_digest(content: list[Any]) -> str:
    """Return the first DIGITS hexadecimal digits of the SHA-256 of the content as JSON."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:DIGITS]


def arithmetic_of(kind: str) -> str:
    """Return a digest of the kernel's arithmetic: 16 hexadecimal digits, which change if the arithmetic changes.

    kind  a kind of recipe: see Recipe.kind; for a kind of the backend `numpy`, the result of `network_digest` is
          returned, which this process computes

    The digest is that of two entries in signature.json: hashes of a training of this kind, and of the costs of a text.
    Raises Damaged if signature.json is missing, is no signature, or lacks an entry.
    """
    if network := network_digest(kind):
        return network
    name, dtype = kind.replace(f"{SILENT['optimizer']} ", ""), kind.rpartition(" ")[2]
    try:
        signature = json.loads(SIGNATURE.read_text(encoding="utf-8"))
        return short_digest([signature[name], signature["costs"][dtype]])
    except (OSError, ValueError, LookupError, TypeError):
        restore = f"`git restore {SIGNATURE}` restores the file"
        new = f"after a new recipe, `python -m charloom.signature > {SIGNATURE}` adds its entries"
        raise Damaged(f"{SIGNATURE}: missing, damaged, or without the entry {name}; {restore}; {new}") from None


def run_name(params: Params, committed: Mapping[str, Any]) -> str:
    """Return a name for a run: the params that differ from the committed params, then the seed.

    committed  the committed params, by dotted names

    Examples: `eta=0.05 · seed 2`, or `as committed · seed 2` if no param differs. If the text's file differs, its name
    comes first: `my.txt · eta=0.05 · seed 2`. Long names of params are cut: see _setting_parts.
    """
    text = flat_of(params)["prepare.text"]
    other = [in_line(Path(text).name)] if committed.get("prepare.text", text) != text else []
    parts = _setting_parts(_affecting(params, *RESULT_KINDS), committed)
    return " · ".join([*other, *(parts or ["as committed"]), f"seed {params.seed}"])


def run_name_at(params: Params, commit: str) -> str:
    """Return the run's name by `run_name`, with the params.yaml of the commit as committed params.

    If the commit has no readable params.yaml, no param counts as different.
    """
    usual = flat_of(params)
    with suppress(Unavailable, *NO_YAML, AttributeError):  # no commit, or its params.yaml is no mapping
        usual = SILENT | dict(leaves(parse_yaml(git("show", f"{commit or '-'}:./{PARAMS}"))))
    return run_name(params, usual)


def setting_label(params: Params) -> str:
    """Return a name of the setting, to group runs by: its params, except those at silent values.

    The params that are varied most often (FIRST) come first.
    """
    return " ".join(_setting_parts(_affecting(params, *RESULT_KINDS), SILENT))


def _setting_parts(values: Mapping[str, Any], usual: Mapping[str, Any]) -> list[str]:
    """Return `name=value` for each param, except the seed, whose value in `usual` is different or missing.

    The name has no section. A name of LONG characters or more is cut after its first word, as in `initial…=10`, because
    lists and legends have room for some 20 characters.
    """
    names = [name for name in values if name != "seed" and (name not in usual or values[name] != usual[name])]
    shown = {name: name.rpartition(".")[2] for name in sorted(names, key=lambda name: name not in FIRST)}
    return [
        f"{short if len(short) < LONG else short.partition('_')[0] + '…'}={as_yaml(values[name]).removesuffix('.0')}"
        for name, short in shown.items()
    ]
