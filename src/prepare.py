"""prepare: check params.yaml, convert the text to ids, and measure the entropy of its n-grams."""

import sys
from pathlib import Path

from charloom.core.runtime.stage import run_stage
from charloom.core.base.storage import write_json
from charloom.core.base.terminal import listed_characters
from charloom.core.base.words import in_line
from charloom.core.config.params import as_yaml, without_effect
from charloom.core.config.pipeline import ensure_repository, files
from charloom.core.runtime.inputs import Inputs
from charloom.core.runtime.memory import check_samples, check_training
from charloom.core.text.corpus import check_lengths, read_prepared, split, survey, write_text
from charloom.core.text.ngrams import text_metrics


def main(inputs: Inputs) -> None:
    """Check params, text and memory; write the ids and metrics/prepare.json.

    With the option --check, which `make run` uses, write nothing: check params, text, memory and the Git repository.
    """
    params = inputs.params
    if idle := ", ".join(f"{name}: {as_yaml(value)}" for name, value in without_effect(params).items()):
        print(f"optimizer {params.optimizer} and train.order {params.train.order} do not use these params: {idle}")
    path = Path(params.prepare.text)
    source = survey(path)
    K, once, lengths = len(source.vocabulary), source.once, split(source.characters, params.prepare.held_out)
    check_lengths(path, lengths, params.seq_length, params.batch)
    check_training(params, K, source.characters)
    check_samples(params.train.updates // params.train.checkpoint_every + 1, params.sample, K)
    if sys.argv[1:] == ["--check"]:
        ensure_repository()
        return
    output = files("prepare")
    write_text(output["prepared/text"], source, lengths)
    metrics = text_metrics(read_prepared(output["prepared/text"]), source.sha256, once, params.seq_length)
    write_json(output["metrics/prepare"], metrics.model_dump())
    rare = f"\ncharacters that occur only once: {listed_characters(once)}" if once else ""
    if "\ufffd" in source.vocabulary.characters:
        rare += "\nwarning: the text contains U+FFFD, which replaces characters that another program could not decode"
    print(f"{in_line(str(path))}: {source.characters:,} characters, K = {K}, {lengths[1]:,} held out{rare}")


if __name__ == "__main__":
    run_stage(main)
