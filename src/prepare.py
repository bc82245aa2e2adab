"""prepare: check every section of params.yaml; text to ids, a vocabulary, and what counting can predict."""

import math
import signal
import sys
from pathlib import Path

if __name__ == "__main__":  # a signal during the imports below ends it without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from charloom.base.storage import sha256, write_json
from charloom.results.git import ensure_repository
from charloom.results.records import TextMetrics
from charloom.settings.entry import run_stage
from charloom.settings.memory import check_memory, training_memory
from charloom.settings.params import read_params
from charloom.settings.pipeline import files
from charloom.text.corpus import prepared, write_text
from charloom.text.ngrams import as_levels, entropies


def main() -> None:
    """Check, and unless the only argument is --check, write."""
    params = read_params()
    path = Path(params.prepare.text)
    text, once = prepared(path, params.prepare.held_out)
    text.check(path, params.seq_length)
    m, K, seq_length, characters = params.m, len(text.vocabulary), params.seq_length, len(text)
    needed = training_memory(m, K, seq_length, characters, params.train.dtype)
    check_memory(needed, f"training with m = {m}, seq_length = {seq_length} and K = {K}")
    if sys.argv[1:] == ["--check"]:
        ensure_repository()
        return
    output, entropy = files("prepare"), entropies(text.training, K)
    write_text(output["prepared/text"], text)
    metrics = TextMetrics(
        characters=characters,
        training_characters=len(text.training),
        held_out_characters=len(text.held_out),
        K=K,
        sha256=sha256(path),
        characters_that_occur_once=len(once),
        nats_per_sequence=as_levels(nats * seq_length for nats in entropy),
        bits_per_character=as_levels(nats / math.log(2) for nats in entropy),
    )
    write_json(output["metrics/prepare"], metrics.model_dump())
    print(f"{path}: {characters:,} characters, K = {K}, {len(text.held_out):,} held out")
    print(f"once only: {f'{len(once):,}, {once[:50]!a}' if once else 'none'}")


if __name__ == "__main__":
    run_stage(main)
