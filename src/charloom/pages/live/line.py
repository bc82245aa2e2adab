"""The line that a training on the live page ends with. `charloom study --confirm` compares it with a row of a study.

    charloom:VERSION NAME:TEXT eta=0.05 seed=17 rest:REST bits:2.6422574236754389 results:0123456789abcdef check:CHECK

After the text's name the line has the settings that differ from the project's run, and the seed. VERSION, TEXT, REST,
`results` and CHECK are the first digits of a SHA-256: of the page's program, of the text's file, of the params that the
line does not name, of the training's weights and trace, and of the line before ` check:`. `bits` are the held-out bits
per character, or `none`. The line of a training that diverged has `diverged:N` instead of `bits` and `results`; N is
the number of the last update. worker.js writes the line.
"""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

from charloom.core.config.params import Params, affects, as_yaml, flat_of
from charloom.core.network.recipe import KERNEL as KERNEL_BACKEND
from charloom.pages.sections import TEMPLATES

KERNEL = Path(__file__).with_name("kernel.wasm")
POINTS = 2000  # most points of a curve, and most checkpoints, in the page
CHECKPOINT_EVERY = "train.checkpoint_every"
OTHERS = {"seed", CHECKPOINT_EVERY, "train.target_smooth_loss"}  # in every line, or without effect on the results


def short(content: bytes) -> str:
    """Return the first 8 hexadecimal digits of the content's SHA-256."""
    return hashlib.sha256(content).hexdigest()[:8]


def version() -> str:
    """Return the version of the page's program: `short` of worker.js and kernel.wasm, which compute a training."""
    return short((TEMPLATES / "worker.js").read_bytes() + KERNEL.read_bytes())


def determining(params: Params) -> dict[str, str]:
    """Return the params that determine a line's results, except the seed: dotted name to the value as YAML."""
    names = {name for name, effect in affects(Params).items() if effect.what in {"weights", "measure"}} - OTHERS
    names -= {"backend"} if params.backend == KERNEL_BACKEND else set()  # older pages wrote lines without it
    return {name: as_yaml(value) for name, value in flat_of(params).items() if name in names}


def digest_of_others(values: Mapping[str, str], shown_names: Collection[str]) -> str:
    """Return REST of a line: the digest of the params in `values` that the line does not name.

    values       params as `determining` returns them
    shown_names  dotted names of the params that the line names
    """
    return short("\n".join(f"{name}={value}" for name, value in values.items() if name not in shown_names).encode())


def limits(params: Params) -> dict[str, tuple[int, int]]:
    """Return the least and the largest value of each whole-number param in the page's form, by its dotted name.

    With more updates than the project's run has, the curve would leave the chart. With more checkpoints than POINTS,
    the page would become too large.

    params  the params of the project's run
    """
    updates, every = params.train.updates, params.train.checkpoint_every
    least = max(1, min(every, -(-updates // POINTS)))
    sizes = {"m": (1, max(params.m, 256)), "seq_length": (1, max(params.seq_length, 1000))}
    return sizes | {"train.updates": (1, max(updates, 1)), CHECKPOINT_EVERY: (least, max(updates, every))}
