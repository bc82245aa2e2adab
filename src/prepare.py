"""prepare: check every section of params.yaml; text to ids, a vocabulary, and what counting can predict."""

import signal
import sys
from pathlib import Path

if __name__ == "__main__":  # a signal during the imports below ends it without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from charloom.base.storage import sha256, write_json
from charloom.base.terminal import in_line, named
from charloom.results.git import ensure_repository
from charloom.settings.entry import run_stage
from charloom.settings.memory import check_samples, check_training
from charloom.settings.params import read_params
from charloom.settings.pipeline import files
from charloom.settings.rwlock import remove_cut
from charloom.text.corpus import prepared, write_text
from charloom.text.ngrams import text_metrics


def main() -> None:
    """Check, and unless the only argument is --check, write. With it, also clear the way for DVC: for `make run`."""
    params = read_params()
    path = Path(params.prepare.text)
    text, once = prepared(path, params.prepare.held_out)
    text.check(path, params.seq_length)
    K = len(text.vocabulary)
    check_training(params, K, len(text))
    check_samples(params.train.updates // params.train.checkpoint_every + 1, params.sample, K)
    if sys.argv[1:] == ["--check"]:
        ensure_repository()
        remove_cut()
        return
    output = files("prepare")
    write_text(output["prepared/text"], text)
    write_json(output["metrics/prepare"], text_metrics(text, sha256(path), once, params.seq_length).model_dump())
    rare = f"\ncharacters that occur only once: {named(once)}" if once else ""
    print(f"{in_line(str(path))}: {len(text):,} characters, K = {K}, {len(text.held_out):,} held out{rare}")


if __name__ == "__main__":
    run_stage(main)
