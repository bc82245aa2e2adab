"""Does it matter? Train programs with the same seeds, and write trials.csv.

    python trials.py 10                                      # the program and the reference, seeds 1 to 10
    python trials.py 10 programs/one.py programs/other.py    # two programs of your own

The answer: charloom compare --table trials.csv --setting program --seed seed --measure held_out_bits_per_character
"""

from charloom.core.runtime.program import run_command  # isort: skip  first: NumPy then has one thread

import sys
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from charloom.core.base.errors import WrongInput
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
    """Train in parallel, and write the table. Raises WrongInput for a number of seeds that is none."""
    number, *programs = sys.argv[1:] or [""]
    if not number.isdecimal() or not int(number):
        raise WrongInput(f"{number or 'no number of seeds'}: allowed is `python trials.py SEEDS [PROGRAM PROGRAM]`")
    programs = programs or ["", read_params().program]
    jobs = [(program, seed) for seed in range(1, int(number) + 1) for program in programs]
    with ProcessPoolExecutor(processors()) as pool:
        rows = list(pool.map(trial, *zip(*jobs, strict=True)))
    write(Path("trials.csv"), "\n".join(["program,seed,smooth_loss,held_out_bits_per_character", *rows, ""]))


if __name__ == "__main__":
    run_command(main)
