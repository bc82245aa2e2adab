"""Verify HEAD: compare the signature, rebuild the results with dvc_proof, and say how far they agree.

Before anything is rebuilt, the committed signature.json is compared with a signature computed on this machine: a check
of the arithmetic.
A signature has hashes of the results of small trainings and of elementary operations ("probes"). Its values have dotted
names: `float64.500` is the hash after 500 updates.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from os.path import lexists
from pathlib import Path
from typing import Any, NamedTuple

from charloom.core.base.errors import CharloomError, CheckFailed, Unavailable, WrongInput
from charloom.core.base.git import git
from charloom.core.config.pipeline import CHARLOOM_FOLDER, Project, ensure_repository
from charloom.core.network.recipe import KERNEL
from charloom.proof.agreement import agreed
from charloom.proof.rebuild import progress_of
from charloom.results.commits import from_commits
from charloom.results.keys import SIGNATURE
from charloom.results.run import from_folder
from charloom.signature.hashes import everything
from dvc_proof import verify as dvc_proof
from dvc_proof.data import difference_to_hash
from dvc_proof.differences import DIFFERENT, SAME, UNKNOWN, OutputDifference, last_line
from dvc_proof.git import Refused
from dvc_proof.lock import NO_STAGE, leaves, within
from dvc_proof.rebuild import FAILED
from dvc_proof.stages import pipeline_in
from dvc_proof.temporary import temporary_folder

PROBE, LIBRARY = "probes.", "libraries."  # begin the values of a signature that only explain a difference
RESULTS = ("metrics", "plots")  # folders of results in Git
SHOWN = 8  # digits of a hash


class Verified(NamedTuple):
    """The result of a verification.

    rows    the compared files and hashes
    causes  sentences that explain differences
    agrees  a line if the results of the backend `numpy` differ only by rounding, else "": see agreement.agreed
    """

    rows: list[OutputDifference]
    causes: list[str]
    agrees: str = ""

    @property
    def last(self) -> str:
        """Return the last line of the output: `same`, or the first row that differs or was not verified."""
        unknown = next((f"not verified: {row.stage}: {row.file}" for row in self.rows if row.result == UNKNOWN), SAME)
        return self.agrees or (last if (last := last_line(self.rows)) != SAME else unknown)


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
        apart = [row for row in rows if row.result == DIFFERENT]
        complete = not any(row.result == UNKNOWN or row.file == FAILED for row in rows)
        rounded = apart and complete and not by_kernel and _may_be_rounding(apart, result.committed)
        return Verified(rows, result.causes, _agrees(result.committed, result.rebuilt) if rounded else "")


def _own(line: Any) -> Any:
    """Return dvc_proof's row as charloom prints it; return a line of text unchanged.

    A stage that fails is a difference, not merely unverified, because charloom pins the versions of all packages.
    """
    if isinstance(line, OutputDifference) and line.result == UNKNOWN and line.what.startswith(FAILED):
        return OutputDifference(line.stage, FAILED, line.what.removeprefix(f"{FAILED}: "))
    return line


def _may_be_rounding(rows: Iterable[OutputDifference], root: Path) -> bool:
    """Return whether rounding may explain each row: the row is an unedited output of a stage after `prepare`.

    An output in Git was edited if its hash is not the one in dvc.lock.

    root  the project's folder in a clone of the commit
    """
    pipeline = pipeline_in(root)
    for name, path, *_ in rows:
        declared, locked = pipeline.stages.get(name), pipeline.locked.get(name, NO_STAGE)
        if name == "prepare" or declared is None or path not in declared.outs or path not in locked.outs:
            return False
        if lexists(root / path) and difference_to_hash(root, path, locked):
            return False
    return True


def _agrees(*folders: Path) -> str:
    """Return the line of agreement.agreed for the results in two folders; "" if they cannot be read."""
    with suppress(CharloomError):
        runs = [from_folder(Project(folder).params(), Project(folder).files("track")) for folder in folders]
        costs = [run.text_and_metrics[1].held_out_bits_per_character for run in runs]
        return agreed(costs, [run.network for run in runs])
    return ""


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
