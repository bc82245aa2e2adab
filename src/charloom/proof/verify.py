"""Rebuild the committed results from nothing and compare them bit for bit."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from charloom.base.errors import CheckFailed, WrongInput
from charloom.base.yaml_text import parsed
from charloom.kernel.signature import SIGNATURE, everything
from charloom.settings.pipeline import PIPELINE

TRACKING = "track"  # makes no file
DTYPES = ("float64", "float32")


class Output(NamedTuple):
    """A file or folder that a stage makes; `varies` says why it is not equal everywhere, if it is not."""

    stage: str
    path: str
    in_git: bool
    varies: str


def verify() -> None:
    """Print a line per hash and output, and last `same` or the first difference. Raises CheckFailed at a difference."""
    expected = json.loads(_git("show", f"HEAD:{SIGNATURE}"))
    found = everything()
    if _git("status", "--porcelain", "--untracked-files=no"):
        print("uncommitted changes are not checked: this is about HEAD")
    here = _named(found)
    for name, digest in _named(expected).items():
        if here.get(name) != digest:
            _explain(expected, found)
            raise CheckFailed(f"first difference: signature: {name}")
        print(f"same  signature: {name}", flush=True)
    first = None
    with tempfile.TemporaryDirectory(prefix="charloom-verify-") as folder:
        clone = Path(folder) / "clone"
        _git("clone", "--quiet", "--no-hardlinks", ".", str(clone))
        committed = _hashes(clone)
        outputs = list(_outputs(clone))
        before = {out.path: (clone / out.path).read_bytes() for out in outputs if out.in_git}
        _rebuild(clone, Path(folder) / "compiled")
        rebuilt = _hashes(clone)
        for out in outputs:
            same = rebuilt.get(out.path) == committed.get(out.path)
            if out.in_git:
                same = same and (clone / out.path).read_bytes() == before[out.path]
            if out.varies:
                print(f"  --  {out.stage}: {out.path}: not compared: {out.varies}")
            else:
                print(f"{'same' if same else 'DIFFERENT'}  {out.stage}: {out.path}")
                first = first or (None if same else out)
    if first is not None:
        _explain(expected, found)
        raise CheckFailed(f"first difference: {first.stage}: {first.path}")
    print("same")


def _named(signature: dict[str, Any]) -> dict[str, str]:
    """Return the hashes that have to be equal, by name."""
    states = {f"{dtype} state after {n} updates": signature[dtype][n] for dtype in DTYPES for n in signature[dtype]}
    return states | {f"{dtype} {what}": signature[what][dtype] for what in ("costs", "texts") for dtype in DTYPES}


def _outputs(folder: Path) -> Iterator[Output]:
    """Yield the outputs in the order of dvc.yaml, where `meta: {varies: …}` marks what is not equal everywhere."""
    stages = parsed((folder / PIPELINE).read_text(encoding="utf-8"))["stages"]
    for stage, declared in stages.items():
        for kind in ("outs", "metrics", "plots"):
            for entry in declared.get(kind, []):
                (path, options), *_ = ({entry: {}} if isinstance(entry, str) else entry).items()
                yield Output(stage, path, options.get("cache") is False, options.get("meta", {}).get("varies", ""))


def _hashes(folder: Path) -> dict[str, Any]:
    """Return what dvc.lock says of every output."""
    lock = parsed((folder / "dvc.lock").read_text(encoding="utf-8"))
    return {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage.get("outs", [])}


def _rebuild(clone: Path, compiled: Path) -> None:
    """Run every stage but tracking in the clone, with nothing cached. Raises CheckFailed naming one that fails."""
    foreign = ("DVC_", "MLFLOW_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment["NUMBA_CACHE_DIR"] = str(compiled)
    stages = [stage for stage in dict.fromkeys(out.stage for out in _outputs(clone)) if stage != TRACKING]
    for stage in stages:
        print(f"rebuilding {stage}", flush=True)
        done = subprocess.run(
            ["dvc", "repro", "--force", "--single-item", stage],
            cwd=clone, env=environment, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if done.returncode:
            sys.stderr.write(done.stdout)
            raise CheckFailed(f"first difference: {stage}: it failed")


def _explain(expected: dict[str, Any], found: dict[str, Any]) -> None:
    """Print which of the ingredients differ from those that the committed result was made of."""
    for name, digest in found["probes"].items():
        print(f"probe  {name}: {'same' if digest == expected['probes'].get(name) else 'DIFFERENT'}")
    for name, value in found["libraries"].items():
        committed = expected["libraries"].get(name)
        print(f"probe  {name}: {value}" + ("" if value == committed else f" (committed with {committed})"))


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        reason, *_ = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
        raise WrongInput(f"git {arguments[0]}: {reason}")
    return done.stdout.strip()
