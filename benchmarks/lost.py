"""How often a model loses itself where a paragraph of the novel begins: `python benchmarks/lost.py MODEL …`.

From a zero state it reads 400 characters from each of 400 paragraph starts. It is lost where the second half of them
costs more than a uniform guess would.
"""

import math
import re
import sys
from pathlib import Path

import numpy as np

from charloom.model.model_file import read_model
from charloom.model.scoring import bits_per_character, score
from charloom.text.corpus import read_text

NOVEL = Path(__file__).resolve().parent.parent / "data/moby_dick.txt"
STARTS, LENGTH = 400, 400


def main(files: list[str]) -> None:
    """Print a line for each model."""
    novel = read_text(NOVEL)
    starts = [found.end() for found in re.finditer(r"\n\n+", novel) if found.end() < len(novel) - LENGTH]
    chosen = np.random.default_rng(1).choice(starts, STARTS, replace=False)
    for file in files:
        model = read_model(Path(file))
        halves = [
            score(model.theta, model.vocabulary.encode(novel[start : start + LENGTH]), np.zeros(model.theta.m))
            .nats[LENGTH // 2 :].mean() / math.log(2)
            for start in chosen
        ]  # fmt: skip
        lost = np.mean(np.array(halves) > math.log2(model.theta.K))
        first = bits_per_character(model.theta, model.vocabulary.encode(novel[:3000]))
        print(f"{file}: lost at {lost:.1%} of {STARTS} paragraph starts; the novel's first page costs {first:.2f} bits")


if __name__ == "__main__":
    main(sys.argv[1:])
