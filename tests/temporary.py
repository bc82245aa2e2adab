"""Temporary files of `storage.whole` whose names are known before a process starts: strace has to be told them."""

from pathlib import Path


def temporary(path: Path) -> Path:
    """Return the temporary file of the path, in a process that has `not_random`."""
    return path.with_name(f".{path.name}.{bytes(8).hex()}.new")


def not_random(folder: Path) -> dict[str, str]:
    """Return variables with which every name of a temporary file has zeros in place of random bytes."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text("import os\nos.urandom = bytes\n")
    return {"PYTHONPATH": str(folder)}
