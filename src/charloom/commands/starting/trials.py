"""Does it matter? Train the program and the reference with the same seeds: `python trials.py 10` writes trials.csv."""

import sys
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from charloom.core.runtime.program import run_command
from charloom.core.base.processors import processors
from charloom.core.base.storage import write
from charloom.core.text.corpus import read_prepared

from adapter import load
from params import read_params
from train import held_out_bits, training


def trial(program, seed):
    """Train with this seed; return a row of the table. The program "" is the reference."""
    params = read_params().model_copy(update={"seed": seed})
    model, text = load(params, program), read_prepared(Path("data/prepared.npz"))
    ((_, smooth, weights, h, _),) = deque(training(model, text, params), maxlen=1)  # the last
    row = f"{Path(program).stem or 'reference'},{seed},{smooth},{held_out_bits(model, weights, h, text, params)}"
    print(row, flush=True)
    return row


def main():
    """Train in parallel, and write the table."""
    seeds = range(1, int(sys.argv[1]) + 1)
    jobs = [(program, seed) for seed in seeds for program in ("", read_params().program)]
    with ProcessPoolExecutor(processors()) as pool:
        rows = list(pool.map(trial, *zip(*jobs, strict=True)))
    write(Path("trials.csv"), "\n".join(["program,seed,smooth_loss,held_out_bits_per_character", *rows, ""]))


if __name__ == "__main__":
    run_command(main)
