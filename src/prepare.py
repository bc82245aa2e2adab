"""prepare: check every section of params.yaml; text to ids, a vocabulary, and what counting can predict."""

import math
import sys
from pathlib import Path

import charloom.environment  # noqa: F401  first: a foreign Python is refused in a line

import numpy as np

from charloom.corpus import Text, conditional_entropy, read_text, split, write_text
from charloom.params import read_params
from charloom.pipeline import files, stage
from charloom.records import Levels, Prepare
from charloom.room import check_memory, training_memory
from charloom.storage import sha256, write_json
from charloom.vocabulary import Vocabulary


def main() -> None:
    """Check, and unless the only argument is --check, write."""
    params = read_params()
    path = Path(params.prepare.text)
    characters = read_text(path)
    vocabulary = Vocabulary.of(characters)
    K = len(vocabulary)
    ids = vocabulary.encode(characters)
    text = Text(vocabulary, *split(ids, params.prepare.held_out))
    text.check(path, params.seq_length)
    needed = training_memory(params.m, K, params.seq_length, len(ids), params.train.dtype)
    check_memory(needed, f"training with m = {params.m}, seq_length = {params.seq_length} and K = {K}")
    if sys.argv[1:] == ["--check"]:
        return

    once = vocabulary.decode(np.flatnonzero(np.bincount(ids, minlength=K) == 1))
    entropies = [math.log(K), *(conditional_entropy(text.training, K, n) for n in (1, 2, 3))]
    output = files("prepare")
    write_text(output["prepared/text"], text)
    record = Prepare(
        characters=len(ids),
        training_characters=len(text.training),
        held_out_characters=len(text.held_out),
        K=K,
        sha256=sha256(path),
        characters_that_occur_once=len(once),
        nats_per_sequence=_levels([nats * params.seq_length for nats in entropies]),
        bits_per_character=_levels([nats / math.log(2) for nats in entropies]),
    )
    write_json(output["metrics/prepare"], record.model_dump())
    print(f"{path}: {len(ids):,} characters, K = {K}, {len(text.held_out):,} held out")
    print(f"once only: {f'{len(once):,}, {once[:50]!a}' if once else 'none'}")


def _levels(entropies: list[float]) -> Levels:
    """Return them rounded far above the last bits, in which processors' logarithms differ."""
    return Levels(**{name: round(value, 6) for name, value in zip(Levels.model_fields, entropies, strict=True)})


stage(main)
