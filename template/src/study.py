"""Does it matter? Train each setting with several seeds, and compare: python src/study.py eta=0.05,0.1 --seeds 5

A param with one value has this value in all settings: program=model,other updates=5000. The rows are in study.csv.
"""

from common import read_params  # isort: skip  first: NumPy then reads its variables

import argparse
import csv
import math
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

from ruamel.yaml import YAML

from evaluate import evaluated
from prepare import prepared
from train import Diverged, trained


def params_of(texts, *stages):
    """Return the params of the stages, with these values as params.yaml would have them."""
    return read_params(*stages, **{name: YAML(typ="safe").load(text) for name, text in texts.items()})


def trial(texts):
    """Return a row: the changed params, and the held-out bits as the stages compute them, nan if training diverges."""
    try:
        data = prepared(**params_of(texts, "prepare"))
        bits, _ = evaluated(params_of(texts, "evaluate"), data, trained(params_of(texts, "train"), data)[1])
    except Diverged:
        bits = math.nan
    return texts | {"held_out_bits": bits}


def main():
    """Train in parallel, write study.csv, and print the answer of seedpairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("values", nargs="+", metavar="PARAM=VALUE,VALUE")
    parser.add_argument("--seeds", type=int, default=5, help="the seeds are 1, 2 and so on (default: 5)")
    given = parser.parse_args()
    values = {name: text.split(",") for name, _, text in (each.partition("=") for each in given.values)}
    varied = [name for name in values if len(values[name]) > 1]
    if not varied or given.seeds < 1 or "seed" in values or any(len({*them}) < len(them) for them in values.values()):
        parser.error("allowed are two values or more of a param, each once, such as eta=0.05,0.1, and --seeds from 1")
    values |= {"seed": map(str, range(1, given.seeds + 1))}
    trials = [dict(zip(values, row, strict=True)) for row in product(*values.values())]
    known = [params_of(texts, "prepare", "train", "evaluate") for texts in trials]  # refuses a wrong value now
    if unlisted := set(values) - set(known[0]):
        raise SystemExit(f"{min(unlisted)}: dvc.yaml does not list it for prepare, train or evaluate: no effect")
    with ProcessPoolExecutor() as pool, Path("study.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, [*values, "held_out_bits"], lineterminator="\n")
        table.writeheader()
        for row in pool.map(trial, trials):
            table.writerow(row)
            print(*(f"{name}={value}" for name, value in row.items()), flush=True)
    options = ("--setting", ",".join(varied), "--seed", "seed", "--measure", "held_out_bits", "--better", "lower")
    sys.exit(subprocess.run([sys.executable, "-m", "seedpairs.cli", "study.csv", *options], check=False).returncode)


if __name__ == "__main__":
    main()
