"""prepare: check every section of params.yaml; text to ids, a vocabulary, and what counting can predict."""

import math
import signal
import sys
from pathlib import Path

if __name__ == "__main__":  # a signal during the imports below ends it without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from charloom.base.storage import sha256, write_json
from charloom.base.terminal import named
from charloom.results.records import TextMetrics
from charloom.settings.entry import run_stage
from charloom.settings.memory import check_training
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
    K = len(text.vocabulary)
    check_training(params, K, len(text))
    if sys.argv[1:] == ["--check"]:
        return
    output, entropy = files("prepare"), entropies(text.training, K)
    write_text(output["prepared/text"], text)
    metrics = TextMetrics(
        characters=len(text),
        training_characters=len(text.training),
        held_out_characters=len(text.held_out),
        K=K,
        sha256=sha256(path),
        characters_that_occur_once=len(once),
        nats_per_sequence=as_levels(nats * params.seq_length for nats in entropy),
        bits_per_character=as_levels(nats / math.log(2) for nats in entropy),
    )
    write_json(output["metrics/prepare"], metrics.model_dump())
    rare = f"\ncharacters that occur only once: {named(once)}" if once else ""
    print(f"{path}: {len(text):,} characters, K = {K}, {len(text.held_out):,} held out{rare}")


if __name__ == "__main__":
    run_stage(main)
