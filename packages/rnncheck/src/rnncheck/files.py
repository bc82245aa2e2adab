"""Write cases.json, the calls that a program has to make, and read answers.json, its results: see README.md."""

import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rnncheck.cases import About
from rnncheck.checking import PARTS, report_on
from rnncheck.verdicts import CallResults, Report, Unreadable

LARGEST_FILE = 20 << 20  # bytes
LARGEST_NETWORK = 40_000  # entries of all matrices
SEED = re.compile(r"(?:\w[\w.-]{0,39})?", re.ASCII)
FIELDS = {"gradients": ("loss", "gradients", "h"), "following": ("p", "h")}  # keys of an answer, by part


def cases_file(about: About) -> str:
    """Return the content of cases.json for these settings."""
    calls = {part: [_plain(call) for call in calls(about)] for part, (calls, _) in PARTS.items()}
    return json.dumps({"cases": about._asdict()} | calls) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return {"shape": value.shape, "data": value.ravel().tolist()} if isinstance(value, np.ndarray) else value


def about_of(content: Mapping[str, Any]) -> About:
    """Return the settings of the cases from `content`, the object `cases` of a file. A missing key has its default.

    Raises Unreadable, with the key, if a value is not allowed.
    """
    settings = {name: content.get(name, usual) for name, usual in About()._asdict().items()}
    for name, least in (("m", 2), ("K", 2), ("seq_length", 2), ("lengths", 1)):
        values = settings[name] if isinstance(settings[name], list | tuple) and name == "lengths" else [settings[name]]
        if not 0 < len(values) < 6 or not all(type(v) in (int, float) and v in range(least, 201) for v in values):
            raise Unreadable(
                f"cases: the value of {name} is not allowed; allowed are integers from {least} to 200 "
                "(in lengths, up to five)"
            )
        settings[name] = tuple(map(int, values)) if name == "lengths" else int(values[0])
    if not isinstance(settings["seed"], str) or not SEED.fullmatch(settings["seed"]):
        raise Unreadable("cases: the seed is not allowed; allowed are up to 40 of A-Z, a-z, 0-9, '_', '-' and '.'")
    about = About(**settings)
    if about.m * (about.m + 2 * about.K + 1) + about.K > LARGEST_NETWORK:
        raise Unreadable(f"cases: m = {about.m} with K = {about.K} is not allowed; allowed are up to 40,000 weights")
    return about


def read(path: Path) -> bytes:
    """Return the content of a file. Raises Unreadable if the file is not a regular one, or is larger than 20 MB."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:
        reason = "a symbolic link" if path.is_symlink() else getattr(error, "strerror", None) or "not a file name"
        raise Unreadable(f"{reason}: allowed are regular files") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_FILE:
            raise Unreadable("the file is not allowed; allowed are regular files of up to 20 MB")
        return file.read(LARGEST_FILE)


def answers_report(path: Path) -> tuple[str, Report]:
    """Return the seed in a file with the format of answers.json, and the report on the file's answers.

    Raises Unreadable if the file has another format.
    """
    try:
        content = json.loads(read(path))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the file is not JSON: {' '.join(str(error).split())[:100]}") from None
    if not isinstance(content, dict) or not isinstance(content.get("cases"), dict):
        raise Unreadable('the object "cases" is missing: copy it from cases.json')
    about, eta = about_of(content["cases"]), content.get("eta")
    if eta is not None and (type(eta) not in (int, float) or not 1e-9 < eta < 1e9):
        raise Unreadable("eta: the value is not allowed; allowed are numbers from 1e-9 to 1e9")
    return about.seed, report_on(
        {part: _results_of(part, content[part]) for part in PARTS if part in content}, about, eta
    )


def _results_of(part: str, entries: Any) -> CallResults:
    """Return the results of a part's calls from `entries`, the part's answers. Each is decoded when it is judged."""
    results = CallResults()

    def answer(number: int) -> Any:
        if not isinstance(entries, list):
            raise Unreadable("the answers of this part: allowed is a list")
        last = entries[min(number, len(entries) - 1)] if entries else {}
        if isinstance(last, dict) and "error" in last:
            raise Unreadable(f"its program says: {' '.join(str(last['error']).split())[:300]}")
        if number >= len(entries):
            raise Unreadable(f"answer {number} is missing: this part has {len(entries)} answers, counted from 0")
        try:
            value = _decoded(entries[number])
            return [value[name] for name in FIELDS[part]] if part in FIELDS else value
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise Unreadable(f"answer {number} cannot be read: {type(error).__name__} {str(error)[:100]}") from None

    results.result = answer
    return results


def _decoded(value: Any) -> Any:
    """Return a JSON value in which each object with shape and data is replaced by its array, and null by NaN."""
    if isinstance(value, dict) and value.keys() >= {"shape", "data"}:
        shape, data = (item if isinstance(item, list) else [item] for item in (value["shape"], value["data"]))
        if not all(type(number) in (int, float, type(None)) for number in data):
            raise ValueError("data has an entry that is not a number")
        return np.array(data, float).reshape([int(size) for size in shape if size >= 0])
    if isinstance(value, dict):
        return {name: _decoded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return float("nan") if value is None else value
