"""Write the file of which reports/inside.html shows rnncheck: see `CHECKS` in inside_page.py, and CONTRIBUTING.md.

A stage imports nothing outside src/, so the page reads a file. A test compares.
"""

import json
from typing import Any

import numpy as np

from charloom.core.network.rnn import NAMES
from charloom.pages.sections import numbers
from rnncheck.backward import STAGES
from rnncheck.cases import LONG, Case, K, M, assignment_case, cases
from rnncheck.gradient import NOTICED
from rnncheck.verdicts import faults

UNSHOWN = {"from_before", "from_before_unsloped"}  # faults that passes.js does not have


def options(stage: str) -> dict[str, str]:
    """Return the names of a stage's faults by sentence. Of two faults with one sentence, the first."""
    keys = [key for key in faults()[stage] if key not in UNSHOWN]
    names = {faults()[stage][key]: f"{stage}.{key}" for key in reversed(keys)}
    return dict(reversed(names.items()))


def page_case(case: Case) -> dict[str, Any]:
    """Return a case of rnncheck; break.js unpacks the weights."""
    weights = np.concatenate([case.weights[name].ravel() for name in NAMES])
    return {"weights": numbers(weights), "h": case.h.tolist(), "x": case.x.tolist(), "y": case.y.tolist()}


def content() -> str:
    """Return the content of the file."""
    checks = {"assignment": [page_case(assignment_case(M, K, LONG))], "grade": [*map(page_case, cases())]}
    data = {"length": LONG, "limit": NOTICED, "faults": {stage: options(stage) for stage in STAGES}, "checks": checks}
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(content(), end="")
