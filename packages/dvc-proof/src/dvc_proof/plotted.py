"""The files that a dvc.yaml names under `metrics` and `plots` outside its stages."""

from collections.abc import Iterator
from typing import Any


def plotted(entries: Any) -> Iterator[str]:
    """Yield the files of `metrics` or `plots`. A plot names its file as its key, or under `x` and `y`."""
    for entry in entries if isinstance(entries, list) else [entries]:
        for name, options in ({entry: None} if isinstance(entry, str) else entry).items():
            axes = ((options or {}).get(axis) for axis in ("x", "y"))
            yield from [file for axis in axes if isinstance(axis, dict) for file in axis] or [name]
