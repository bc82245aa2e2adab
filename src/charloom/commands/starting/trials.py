"""Does it matter? Train programs with the same seeds, and write trials.csv.

    python trials.py 10                                      # the program and the reference, seeds 1 to 10
    python trials.py 10 programs/one.py programs/other.py    # two programs of your own

The answer: charloom compare --table trials.csv --setting program --seed seed --measure held_out_bits_per_character
"""

from train import held_out_bits, read_params, read_prepared, run_command, training  # isort: skip  first, as in train.py

import argparse
import math
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

from charloom.core.base.errors import Diverged
from charloom.core.base.processors import processors
from charloom.core.base.storage import write

from model import load


def trial(seed, program):
    """Train with this seed; return a row of the table, with nan if the training diverges. "" is the reference."""
    params = read_params().model_copy(update={"seed": seed})
    model, text = load(params, program), read_prepared(Path("data/prepared.npz"))
    try:
        for row in training(model, text, params):
            last = row
        _, smooth, weights, h, _ = last
        bits = held_out_bits(model, weights, h, text, params)
    except Diverged:
        smooth = bits = math.nan
    row = f"{Path(program).stem or 'reference'},{seed},{smooth},{bits}"
    print(row, flush=True)
    return row


def main():
    """Train in parallel, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=int, metavar="SEEDS")
    parser.add_argument("programs", nargs="*", metavar="PROGRAM")
    given = parser.parse_args()
    if given.seeds < 1:
        parser.error(f"SEEDS: {given.seeds} is not allowed; allowed is a number from 1 on")
    seeds, programs = range(1, given.seeds + 1), given.programs or ["", read_params().program]
    with ProcessPoolExecutor(processors()) as pool:
        rows = list(pool.map(trial, *zip(*product(seeds, programs), strict=True)))
    write(Path("trials.csv"), "\n".join(["program,seed,smooth_loss,held_out_bits_per_character", *rows, ""]))


if __name__ == "__main__":
    run_command(main)
