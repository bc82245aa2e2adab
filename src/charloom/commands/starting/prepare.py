"""prepare: the text as ids, in a part for training and a held-out end."""

from pathlib import Path

from charloom.core.runtime.program import run_command
from charloom.core.base.errors import WrongInput
from charloom.core.text.corpus import check_lengths, split, survey, write_text

from model import read_params


def main():
    """Write data/prepared.npz."""
    params = read_params()
    path = Path(params.text)
    source = survey(path)
    lengths = split(source.characters, params.held_out)
    check_lengths(path, lengths, params.seq_length, 1)
    if lengths[1] < 2:
        raise WrongInput(f"{path}: {lengths[1]} characters held out; allowed are 2 or more: a larger held_out")
    write_text(Path("data/prepared.npz"), source, lengths)
    print(f"{path}: {source.characters:,} characters, K = {len(source.vocabulary)}, {lengths[1]:,} held out")


run_command(main)
