"""prepare: check every section of params.yaml; text to ids, a vocabulary, and what counting can predict."""

import math
import sys
from pathlib import Path

import charloom.environment  # noqa: F401  first: a foreign Python is refused in a line

from charloom.corpus import conditional_entropy, read_text, split, write_ids
from charloom.errors import WrongInput
from charloom.params import read_params
from charloom.pipeline import files, run, sha256, write_json
from charloom.vocabulary import Vocabulary, write_vocabulary


def main() -> None:
    """Check, and unless the only argument is --check, write."""
    params = read_params()
    text_path = Path(params.prepare.text)
    text = read_text(text_path)
    vocabulary = Vocabulary.of(text)
    K = len(vocabulary)
    ids = vocabulary.encode(text)
    training, held_out = split(ids, params.prepare.held_out)
    if len(training) < params.seq_length + 1:
        raise WrongInput(
            f"{text_path}: {len(training)} characters for training with held_out = {params.prepare.held_out}; "
            f"seq_length = {params.seq_length} needs at least {params.seq_length + 1}"
        )
    if sys.argv[1:] == ["--check"]:
        return

    once = [character for character in vocabulary.characters if text.count(character) == 1]
    nats = {"uniform": math.log(K)}
    nats |= {
        name: conditional_entropy(training, K, n) for n, name in enumerate(("unigram", "bigram", "trigram"), start=1)
    }
    path = files("prepare")
    write_vocabulary(path["prepared/vocabulary"], vocabulary)
    write_ids(path["prepared/training"], training)
    write_ids(path["prepared/held_out"], held_out)
    write_json(
        path["metrics/prepare"],
        {
            "characters": len(ids),
            "training_characters": len(training),
            "held_out_characters": len(held_out),
            "K": K,
            "sha256": sha256(text_path),
            "characters_that_occur_once": len(once),
            # Rounded far above the last bits, in which processors' logarithms differ.
            "nats_per_sequence": {name: round(value * params.seq_length, 6) for name, value in nats.items()},
            "bits_per_character": {name: round(value / math.log(2), 6) for name, value in nats.items()},
        },
    )
    print(f"{text_path}: {len(ids):,} characters, K = {K}, {len(held_out):,} held out")
    print(f"once only: {ascii(''.join(once)) if once else 'none'}")


run(main)
