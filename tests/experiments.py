"""DVC's experiments by the hundred, as DVC keeps them in Git: a commit each, and a ref in refs/exps."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from projects import ROOT


def commit(folder: Path, runs: Mapping[str, Mapping[str, str]], *, base: str = "HEAD") -> None:
    """Commit files, by path, as the experiment of each name, on the base; every object a file, as DVC makes them."""
    baseline = git(folder, "rev-parse", base)
    lines = []
    for name, files in runs.items():
        lines.append(f"commit refs/exps/{baseline[:2]}/{baseline[2:]}/{name}")
        lines.append(f"committer a test <test@example.invalid> {1_700_000_000 + len(lines)} +0000")
        lines += ["data 0", f"from {baseline}"]
        for path, text in files.items():
            size = len(text.encode(errors="surrogateescape"))
            lines += [f"M 100644 inline {path}", f"data {size}", text]
    given = "\n".join([*lines, ""])
    git(folder, "-c", "fastimport.unpackLimit=10000000", "fast-import", "--quiet", given=given)


def git(folder: Path, *arguments: str, given: str = "") -> str:
    """Return what git prints."""
    content = given.encode(errors="surrogateescape")
    done = subprocess.run(["git", *arguments], cwd=folder, input=content, capture_output=True, check=True)
    return done.stdout.decode().strip()


def run(bits: float, below: int | None = None, **params: object) -> dict[str, str]:
    """Return the files of a run of ours that ended with so many bits per character; params as `eta=0.05`."""
    return of(ROOT, bits, below, **params)


def of(folder: Path, bits: float, below: int | None = None, **params: object) -> dict[str, str]:
    """Return the same of the project in the folder."""
    text = (folder / "params.yaml").read_text()
    for name, value in params.items():
        old = next(line for line in text.split("\n") if line.strip().startswith(f"{name}:"))
        text = text.replace(old, f"{old.partition(':')[0]}: {value}")
    train = json.loads((folder / "metrics/train.json").read_text())
    train |= {"held_out_bits_per_character": bits, "first_update_below_target": below}
    return {"params.yaml": text, "metrics/train.json": json.dumps(train)}
