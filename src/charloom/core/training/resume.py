"""The resume state, from which a stopped training continues. It is written atomically, outside DVC's outputs.

The main repository has a folder for each training key, that is for each set of inputs of the stage `train`:

    .charloom/train/<key>/<update>.state    the newest two: SHA-256 of the rest of the file, a line of JSON, arrays
    .charloom/train/<key>/<update>.npz      copies of the checkpoints so far, because DVC removes a stage's outputs
"""

import hashlib
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ValidationError

from charloom.core.backend.by_numpy import network_digest
from charloom.core.base.array_file import Arrays, Layout, pack, unpack
from charloom.core.base.errors import Damaged
from charloom.core.base.storage import atomic_file, is_held, sha256
from charloom.core.config.pipeline import changed_inputs
from charloom.core.network.rnn import Parameters
from charloom.core.network.state import Best, TrainState
from charloom.core.training.trace import Trace, shapes

GENERATIONS = 2
KEPT, DAY = 30, 86_400  # days without a change after which a state is removed; seconds
DIGEST = 65  # bytes: 64 hexadecimal digits and a line end

TrainInputs = dict[str, Any]  # the inputs of the training: values of params and SHA-256 of files, by name


class Checkpoint(NamedTuple):
    """A checkpoint: the SHA-256 of its file, and its held-out cost in bits per character, None if not measured."""

    sha256: str
    held_out: float | None


class Head(BaseModel):
    """The line of JSON in the file of a state: the inputs of the training, and its checkpoints so far by file name."""

    settings: TrainInputs
    checkpoints: dict[str, Checkpoint]


Resumed = tuple[TrainState, Trace, dict[str, Checkpoint]]  # with the checkpoints so far by file name


def train_inputs(values: dict[str, Any], kind: str) -> TrainInputs:
    """Return the inputs of the training: `values` (see Inputs.values), with the digest of network/ for `numpy`.

    kind  the kind of recipe: see Recipe.kind
    """
    network = network_digest(kind)  # a state of other versions of NumPy is that of another training
    return values | ({"network": network} if network else {})


def key(inputs: TrainInputs) -> str:
    """Return the training key: the first 16 hexadecimal digits of the SHA-256 of the inputs as JSON."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def save(
    folder: Path, inputs: TrainInputs, state: TrainState, trace: Trace, checkpoints: dict[str, Checkpoint]
) -> None:
    """Save a resume state atomically, and remove all states but the last two. Before the first update, save nothing.

    trace        the trace of the rows before `state`
    checkpoints  the checkpoints in the folder, by file name
    """
    if (best := state.best) is None:
        return  # before the first update there is nothing to save
    scalars = (state.update, state.smooth_loss, best.update, best.smooth_loss, trace.first_below)
    kept = np.array([accumulator.flat for accumulator in state.accumulators])
    arrays = {"scalars": np.array(scalars, np.float64), "theta": state.theta.flat, "kept": kept, "h": state.h}
    arrays |= {"best_theta": best.theta.flat, "best_h": best.h}
    content = pack(arrays | {name: getattr(trace, name) for name in shapes(trace.rows, 1)})
    head = json.dumps({"settings": inputs, "checkpoints": checkpoints}).encode() + b"\n"
    digest = hashlib.sha256(head)
    digest.update(content)
    with atomic_file(folder / f"{state.update:012}.state") as file:
        file.writelines([digest.hexdigest().encode() + b"\n", head, content])  # joining them would copy the arrays
    for old in _generations(folder)[GENERATIONS:]:
        _remove(old)


def load(folder: Path, inputs: TrainInputs, start: TrainState, sequences: int) -> Resumed | None:
    """Return the newest intact state with its trace and checkpoints, or None if no state was saved.

    start      the state before the first update, for the expected shapes
    sequences  the number of updates in an epoch

    A damaged state is skipped with a warning. Newer states, and checkpoints that do not belong to the returned state,
    are removed, because training writes them again. Raises Damaged if all states are damaged.
    """
    reasons = []
    for path in _generations(folder):
        try:
            state, trace, checkpoints = _read(path, inputs, start, sequences)
        except (OSError, ValueError) as error:
            reasons.append(f"{path}: {error}")
            sys.stderr.write(f"warning: not resumed from {path}: {error}\n")
            continue
        for later in folder.iterdir():  # damaged, or newer than this state: training writes it again
            if later.name not in checkpoints and (later.suffix != ".state" or later.name > path.name):
                _remove(later)
        return state, trace, checkpoints
    if reasons:
        raise Damaged(f"all saved states are damaged: {'; '.join(reasons)}; to start over: rm -r {folder}")
    return None


def tidy(folder: Path, inputs: TrainInputs) -> str | None:
    """Remove the states of other trainings that have not changed for KEPT days. Return a line for the user, or None.

    folder, inputs  those of the training that starts now

    The line tells how the training with the newest other state differs from this training. The result is None if that
    state is older than a day or damaged, or if no other state exists. The states of a running training stay.
    """
    now = time.time()
    try:
        for other in folder.parent.glob("*/"):
            if now - other.stat().st_mtime > KEPT * DAY and not is_held(other.with_suffix(".lock")):
                forget(other)
        states = [path for other in folder.parent.glob("*/") if other != folder for path in _generations(other)]
        newest = max(states, key=lambda path: path.stat().st_mtime)  # ValueError if there is none
        if now - newest.stat().st_mtime < DAY:
            line = f"starting at update 0; the state of another training is kept for {KEPT} days: "
            return line + changed_inputs(_head(newest).settings, inputs)
    except (OSError, ValueError):  # there is no state, another process removes it, or it is damaged
        pass
    return None


def forget(folder: Path) -> None:
    """Remove the folder of a training's resume states. States are removed first: each needs its checkpoints."""
    for path in _generations(folder):
        _remove(path)
    shutil.rmtree(folder, ignore_errors=True)


def _remove(path: Path) -> None:
    """Remove the file or the folder at `path`."""
    shutil.rmtree(path, ignore_errors=True)
    path.unlink(missing_ok=True)


def _generations(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.state"), reverse=True)


def _head(path: Path) -> Head:
    """Return the Head in the file of a state. Raises ValueError if the file is unreadable, or its content damaged."""
    try:
        with path.open("rb") as file:
            digest = file.read(DIGEST)
            if digest != hashlib.file_digest(file, "sha256").hexdigest().encode() + b"\n":
                raise ValueError("damaged: its SHA-256 does not match its content")
            file.seek(DIGEST)
            return Head.model_validate(json.loads(file.readline()))
    except OSError as error:
        raise ValueError(error.strerror) from None
    except ValidationError:
        raise ValueError("damaged: its line of JSON does not describe a saved state") from None


def _read(path: Path, inputs: TrainInputs, start: TrainState, sequences: int) -> Resumed:
    """Return the state in the file, with its trace and checkpoints. The arguments are those of `load`.

    Raises ValueError if the file or a checkpoint is damaged, or if the file belongs to another training. Raises
    OSError if a file cannot be read.
    """
    head = _head(path)
    if head.settings != inputs:
        raise ValueError(f"it belongs to another training: {changed_inputs(head.settings, inputs)}")
    for name, checkpoint in head.checkpoints.items():
        file = path.with_name(name)
        if not file.is_file() or sha256(file) != checkpoint.sha256:
            raise ValueError(f"its checkpoint {file} is damaged or missing")
    update = int(path.stem) if path.stem.isdecimal() else -1
    dtype, size, m, n = start.h.dtype, start.theta.flat.shape, start.theta.m, len(start.accumulators)

    def layout(_: Arrays) -> Layout:
        weights = {"theta": size, "kept": (n, *size), "h": start.h.shape, "best_theta": size, "best_h": (m,)}
        layout: dict[str, Any] = {"scalars": ((5,), np.float64)}
        layout |= {name: (shape, dtype) for name, shape in weights.items()}
        return layout | {name: (shape, np.float64) for name, shape in shapes(update, sequences).items()}

    with path.open("rb") as state_file:  # the archive is at the end of the file
        arrays = unpack(state_file, layout)
    stored_update, smooth_loss, best_update, best_smooth_loss, first_below = arrays["scalars"].tolist()
    if stored_update != update:
        raise ValueError(f"its name says update {update:,}, its content is the state at update {stored_update:,.0f}")
    flats = arrays["theta"], arrays["best_theta"], *arrays["kept"]
    theta, best_theta, *accumulators = (Parameters(flat, m, start.theta.K) for flat in flats)
    best = Best(int(best_update), best_smooth_loss, best_theta, arrays["best_h"])
    state = TrainState(update, theta, tuple(accumulators), arrays["h"], smooth_loss, best, start.seed)
    trace = Trace(update, **{name: arrays[name] for name in shapes(update, sequences)}, first_below=int(first_below))
    return state, trace, head.checkpoints
