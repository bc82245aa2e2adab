"""The state from which a stopped training goes on. It is on disk, outside DVC's outputs, whole or not at all.

The main repository has a folder for each training key, that is for each set of things that `train` depends on:

    .charloom/train/<key>/<update>.state    two generations: SHA-256 of the rest, a line of JSON, the arrays
    .charloom/train/<key>/<update>.npz      the checkpoints so far: DVC removes those among the outputs
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ValidationError

from charloom.base.array_file import Layout, pack, unpack
from charloom.base.errors import Damaged
from charloom.base.storage import sha256, whole
from charloom.kernel.advance import Best, TrainState
from charloom.network.rnn import Parameters
from charloom.settings.pipeline import difference
from charloom.training.trace import Trace, shapes

GENERATIONS = 2
DIGEST = 65  # bytes: 64 hexadecimal digits and a line end

Settings = dict[str, Any]  # each thing that training depends on: a param's value, a file's SHA-256


class Checkpoint(NamedTuple):
    """What is kept of one: its file's SHA-256, and what held-out text cost it, in bits per character."""

    sha256: str
    held_out: float | None


class Head(BaseModel):
    """The line of JSON: what is trained on what, and the checkpoints so far by file name."""

    settings: Settings
    checkpoints: dict[str, Checkpoint]


Resumed = tuple[TrainState, Trace, dict[str, Checkpoint]]  # the last: those so far, by file name


def key(settings: Settings) -> str:
    """Return the training key: 16 hexadecimal digits of SHA-256 over the settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def save(folder: Path, settings: Settings, state: TrainState, trace: Trace, checkpoints: dict[str, Checkpoint]) -> None:
    """Write the state before its next update; the state saved before stays too.

    `checkpoints` are those in the folder by now, by file name.
    """
    best = state.best
    if best is None:
        return  # before the first update there is nothing to save
    scalars = (state.update, state.smooth_loss, best.update, best.smooth_loss, trace.first_below)
    content = pack(
        {
            "scalars": np.array(scalars, np.float64),
            "theta": state.theta.flat,
            "kept": np.array([each.flat for each in state.accumulators]),
            "h": state.h,
            "best_theta": best.theta.flat,
            "best_h": best.h,
            "smooth_losses": trace.smooth_losses,
            "losses": trace.losses,
            "epoch_sums": trace.epoch_sums,
            "statistics": trace.statistics,
        }
    )
    head = json.dumps({"settings": settings, "checkpoints": checkpoints}).encode() + b"\n"
    digest = hashlib.sha256(head)
    digest.update(content)
    with whole(folder / f"{state.update:012}.state") as file:
        file.writelines([digest.hexdigest().encode() + b"\n", head, content])  # joined, they would be copied
    for old in _generations(folder)[GENERATIONS:]:
        _remove(old)


def load(folder: Path, settings: Settings, start: TrainState, sequences: int) -> Resumed | None:
    """Return the newest whole state with the checkpoints before it, or None where nothing was saved.

    `start` is the state before the first update, `sequences` the updates in an epoch. A damaged state is named in
    a warning, and the one before it taken. Raises Damaged where none is whole.
    """
    reasons = []
    for path in _generations(folder):
        try:
            state, trace, checkpoints = _read(path, settings, start, sequences)
        except (OSError, ValueError) as error:
            reasons.append(f"{path}: {error}")
            sys.stderr.write(f"warning: not resumed from {path}: {error}\n")
            continue
        for later in folder.iterdir():  # damaged, or made after this state: it will be made again
            if later.name not in checkpoints and (later.suffix != ".state" or later.name > path.name):
                _remove(later)
        return state, trace, checkpoints
    if reasons:
        raise Damaged(f"no saved state is whole: {'; '.join(reasons)}; to start over: rm -r {folder}")
    return None


def why_not_resumed(folder: Path, settings: Settings) -> str | None:
    """Return a line that says why the newest state of another training is not used; None where there is none."""
    try:
        states = [path for each in folder.parent.glob("*/") if each != folder for path in _generations(each)]
        newest = max(states, key=lambda path: path.stat().st_mtime, default=None)
        if newest is None:
            return None
        return f"not resumed from {newest}: {difference(_head(newest).settings, settings)}"
    except (OSError, ValueError):  # it is being removed at this moment, or damaged
        return None


def forget(folder: Path) -> None:
    """Remove the folder, its states first: a state whose checkpoints are gone would count as damaged."""
    for path in _generations(folder):
        _remove(path)
    shutil.rmtree(folder, ignore_errors=True)


def _remove(path: Path) -> None:
    """Remove what has a state's name: a file, or a folder that somebody has put there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()


def _generations(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.state"), reverse=True)


def _head(path: Path) -> Head:
    """Return the line of JSON. Raises ValueError where the SHA-256 is not that of all that follows it."""
    try:
        with path.open("rb") as file:
            digest = file.read(DIGEST)
            if digest != hashlib.file_digest(file, "sha256").hexdigest().encode() + b"\n":
                raise ValueError("damaged, its SHA-256 is not that of its content")
            file.seek(DIGEST)
            return Head.model_validate(json.loads(file.readline()))
    except OSError as error:
        raise ValueError(error.strerror) from None
    except ValidationError:
        raise ValueError("its first line is not one of ours") from None


def _read(path: Path, settings: Settings, start: TrainState, sequences: int) -> Resumed:
    """Return what the file holds. Raises ValueError where it is damaged, or not of this training."""
    head = _head(path)
    if head.settings != settings:
        raise ValueError(difference(head.settings, settings))
    for name, kept in head.checkpoints.items():
        file = path.with_name(name)
        if not file.is_file() or sha256(file) != kept.sha256:
            raise ValueError(f"its checkpoint {file} is damaged or missing")
    update = int(path.stem) if path.stem.isdecimal() else -1
    dtype, size, m, n = start.h.dtype, start.theta.flat.shape, start.theta.m, len(start.accumulators)

    def layout(_: Mapping[str, int]) -> Layout:
        own = {"theta": size, "kept": (n, *size), "h": start.h.shape, "best_theta": size, "best_h": (m,)}
        return (
            {"scalars": ((5,), np.float64)}
            | {name: (shape, dtype) for name, shape in own.items()}
            | {name: (shape, np.float64) for name, shape in shapes(update, sequences).items()}
        )

    with path.open("rb") as state_file:  # an archive may have anything before it
        arrays = unpack(state_file, layout)
    of_update, smooth_loss, best_update, best_smooth_loss, first_below = arrays["scalars"].tolist()
    if of_update != update:
        raise ValueError(f"its content is of update {of_update:,.0f}")
    flats = arrays["theta"], arrays["best_theta"], *arrays["kept"]
    theta, best_theta, *beside = (Parameters(flat, m, start.theta.K) for flat in flats)
    best = Best(int(best_update), best_smooth_loss, best_theta, arrays["best_h"])
    state = TrainState(update, theta, tuple(beside), arrays["h"], smooth_loss, best, start.seed)
    trace = Trace(update, **{name: arrays[name] for name in shapes(update, sequences)}, first_below=int(first_below))
    return state, trace, head.checkpoints
