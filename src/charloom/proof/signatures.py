"""Compare the committed signature.json with one computed here: a check of the arithmetic, before anything is rebuilt.

A signature has hashes of the results of small trainings and of elementary operations ("probes"). Its values have dotted
names: `float64.500` is the hash after 500 updates.
"""

import json

from charloom.core.base.errors import CheckFailed, Unavailable
from charloom.proof.differences import Row
from charloom.results.git import git
from charloom.results.keys import SIGNATURE
from charloom.signature.hashes import everything
from groundwork.lock import leaves

PROBE, LIBRARY = "probes.", "libraries."  # values that only explain a difference
SHOWN = 8  # digits of a hash


def signatures() -> tuple[list[Row], list[str]]:
    """Compute the signature on this machine; return a row for each hash that must be equal, and the likely causes.

    The causes are operations, library versions and processor features that differ from those of HEAD's signature.json.
    Raises CheckFailed if HEAD's signature.json is missing or no JSON.
    """
    try:
        committed, here = dict(leaves(json.loads(git("show", f"HEAD:./{SIGNATURE}")))), dict(leaves(everything()))
    except (Unavailable, ValueError, RecursionError):
        what = "not what `python -m charloom.signature` writes"
        raise CheckFailed(f"first difference: signature: {SIGNATURE}: {what}") from None
    rows, causes = list[Row](), list[str]()
    for name, value in here.items():
        other = committed.get(name, "nothing")
        if not name.startswith((PROBE, LIBRARY)):
            what = f"committed {str(other)[:SHOWN]}…, here {value[:SHOWN]}…" if value != other else ""
            rows.append(Row("signature", name, what))
        elif value != other:
            causes.append(f"this machine has {name} {value}, {SIGNATURE} was made with {other}")
    if any(row.what for row in rows):
        causes.append(f"{SIGNATURE} was edited, or this machine's arithmetic or the kernel's compiled code differ")
    return rows, causes
