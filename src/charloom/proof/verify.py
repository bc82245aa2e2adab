"""Verify HEAD: compare the signature, and rebuild the results with dvc_proof.

Before anything is rebuilt, the committed signature.json is compared with a signature computed on this machine: a check
of the arithmetic.
A signature has hashes of the results of small trainings and of elementary operations ("probes"). Its values have dotted
names: `float64.500` is the hash after 500 updates.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from charloom.core.base.errors import CheckFailed, Unavailable, WrongInput
from charloom.core.base.git import git
from charloom.core.config.pipeline import CHARLOOM_FOLDER, ensure_repository
from charloom.core.network.recipe import KERNEL
from charloom.proof.rebuild import progress_of
from charloom.results.commits import from_commits
from charloom.results.keys import SIGNATURE
from charloom.signature.hashes import everything
from dvc_proof import verify as dvc_proof
from dvc_proof.differences import SAME, UNKNOWN, OutputDifference, last_line
from dvc_proof.git import Refused
from dvc_proof.lock import leaves, within
from dvc_proof.rebuild import FAILED
from dvc_proof.temporary import temporary_folder

PROBE, LIBRARY = "probes.", "libraries."  # begin the values of a signature that only explain a difference
RESULTS = ("metrics", "plots")  # folders of results in Git
SHOWN = 8  # digits of a hash


class Verified(NamedTuple):
    """The result of a verification.

    rows    the compared files and hashes
    causes  sentences that explain differences
    """

    rows: list[OutputDifference]
    causes: list[str]

    @property
    def last(self) -> str:
        """Return the last line of the output: `same`, or the first row that differs or was not verified."""
        unknown = next((f"not verified: {row.stage}: {row.file}" for row in self.rows if row.result == UNKNOWN), SAME)
        return last if (last := last_line(self.rows)) != SAME else unknown


def verify(say: Callable[[object], None]) -> Verified:
    """Verify HEAD and return the result.

    say  called with each row, and with lines about progress

    The verification ends early, with the rows so far, if the signatures differ. Raises WrongInput outside a repository
    or without a commit. Raises CheckFailed if HEAD has no valid signature.json, dvc.lock, dvc.yaml or params.yaml, or a
    link that leads out of the repository.
    """
    ensure_repository()
    if not git("rev-parse", "--verify", "--quiet", "HEAD", empty=1):
        raise WrongInput("HEAD: no commit yet; `git commit` makes one")
    head = next(from_commits(["HEAD"]))
    by_kernel = head.params is None or head.params.backend == KERNEL  # network/ is in no signature
    hashes, hints = _signatures() if by_kernel else ([], [])
    for row in hashes:
        say(row)
    if last_line(hashes) != SAME:
        return Verified(hashes, hints)

    with temporary_folder("charloom-verify-") as place:
        try:
            result = dvc_proof.verify(
                place.resolve(), lambda line: say(_own(line)), heard=progress_of(say), without=[str(CHARLOOM_FOLDER)],
                NUMBA_CACHE_DIR=str(place / "compiled"),
            )  # fmt: skip
        except Refused as refused:
            raise CheckFailed(f"first difference: {refused}") from None
        rows = [*hashes, *map(_own, result.rows)]
        outs = [row.file for row in result.rows]
        for path in git("ls-files", "-z", "--", *RESULTS).split("\0")[:-1]:
            is_result = (result.committed / path).is_file() and not path.endswith("/.gitignore")
            if is_result and not any(within(path, out) for out in outs):
                rows.append(OutputDifference("track", path, "no stage makes it", UNKNOWN))
                say(rows[-1])
        return Verified(rows, result.causes)


def _own(line: Any) -> Any:
    """Return dvc_proof's row as charloom prints it; return a line of text unchanged.

    A stage that fails is a difference, not merely unverified, because charloom pins the versions of all packages.
    """
    if isinstance(line, OutputDifference) and line.result == UNKNOWN and line.what.startswith(FAILED):
        return OutputDifference(line.stage, FAILED, line.what.removeprefix(f"{FAILED}: "))
    return line


def _signatures() -> tuple[list[OutputDifference], list[str]]:
    """Compute the signature on this machine; return a row for each hash that must be equal, and the likely causes.

    The causes are operations, library versions and processor features that differ from those of HEAD's signature.json.
    Raises CheckFailed if HEAD's signature.json is missing or no JSON.
    """
    try:
        committed, computed = dict(leaves(json.loads(git("show", f"HEAD:./{SIGNATURE}")))), dict(leaves(everything()))
    except (Unavailable, ValueError, RecursionError):
        what = "not what `python -m charloom.signature` writes; commit this command's output as the file"
        raise CheckFailed(f"first difference: signature: {SIGNATURE}: {what}") from None
    rows, causes = list[OutputDifference](), list[str]()
    for name, value in computed.items():
        old = str(committed.get(name, "nothing"))
        if not name.startswith((PROBE, LIBRARY)):
            what = f"committed {old[:SHOWN]}…, here {value[:SHOWN]}…" if value != old else ""
            rows.append(OutputDifference("signature", name, what))
        elif value != old:
            causes.append(f"this machine has {name} {value}, {SIGNATURE} was made with {old}")
    if last_line(rows) != SAME:
        causes.append(f"{SIGNATURE} was edited, or this machine's arithmetic or the kernel's compiled code differ")
    return rows, causes
