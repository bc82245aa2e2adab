"""Verify HEAD: rebuild its results from nothing, compare the two dvc.lock files, and explain differences.

Before anything is rebuilt, the committed signature.json is compared with one computed here: a check of the arithmetic.
A signature has hashes of the results of small trainings and of elementary operations ("probes"). Its values have dotted
names: `float64.500` is the hash after 500 updates.

If nothing differs, there is an in-toto statement about the rebuilt results, which other tools can sign and check. Its
format: https://github.com/in-toto/attestation, Statement v1 with the predicate test-result v0.1 and the additional key
`environment`.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from charloom.core.base.errors import CharloomError, CheckFailed, Unavailable, WrongInput
from charloom.core.base.git import git, uncommitted
from charloom.core.base.sources import files_in
from charloom.core.base.storage import sha256
from charloom.core.base.terminal import visible
from charloom.core.network.recipe import KERNEL
from charloom.core.runtime.provenance import machine
from charloom.core.settings.params import PARAMS
from charloom.core.settings.pipeline import LOCK, Project, ensure_repository
from charloom.proof.explanations import agreed, agreement_of, contradictions, edits
from charloom.proof.outputs import compared, outputs
from charloom.proof.rebuild import Failed, cloned, rebuilt_lock
from charloom.proof.refusals import inspected
from charloom.results.commits import from_commits
from charloom.results.keys import SIGNATURE
from charloom.results.run import from_folder
from charloom.signature.hashes import everything
from dvc_proof.differences import SAME, Row, last_line
from dvc_proof.lock import leaves
from dvc_proof.temporary import temporary_folder

PROBE, LIBRARY = "probes.", "libraries."  # begin the values of a signature that only explain a difference
SHOWN = 8  # digits of a hash
MATERIALS = (PARAMS, LOCK, SIGNATURE, Path("requirements.lock"))


class Verified(NamedTuple):
    """The result of a verification.

    commit     HEAD's hash
    rows       the compared files and hashes
    causes     sentences that explain differences
    agreement  a key of explanations.MEANINGS, the distance of the results; None if not everything was rebuilt
    statement  in-toto's statement; None if something differs
    agrees     a line if the backend `numpy` rounds differently here and the results agree; see explanations.agreed
    """

    commit: str
    rows: list[Row]
    causes: list[str]
    agreement: str | None = None
    statement: dict[str, Any] | None = None
    agrees: str = ""

    @property
    def last(self) -> str:
        """Return the last line of the output."""
        return self.agrees or last_line(self.rows)


def verify(say: Callable[[object], None]) -> Verified:
    """Verify HEAD and return the result.

    say  called with each Row, and with lines about progress

    The verification ends early, with the rows so far, if the signatures differ, if a commit is refused (see
    refusals.py), or if a stage fails. Raises WrongInput outside a repository or without a commit. Raises CheckFailed if
    HEAD has no valid signature.json, dvc.lock, dvc.yaml or params.yaml, or a link that leads out of the repository.
    """
    ensure_repository()
    if not (commit := git("rev-parse", "--verify", "--quiet", "HEAD", empty=1)):
        raise WrongInput("HEAD: no commit yet; `git commit` makes one")
    head = next(from_commits(["HEAD"]))
    by_kernel = head.params is None or head.params.backend == KERNEL  # network/ is in no signature
    hashes, hints = _signatures() if by_kernel else ([], [])
    verified = Verified(commit, [], [])
    if uncommitted():
        say("uncommitted changes are not checked: only HEAD is")

    def add(rows: Iterable[Row]) -> bool:
        """Report and store the rows; return whether no row so far has a difference."""
        for row in rows:
            say(row)
            verified.rows.append(row)
        return verified.last == SAME

    if not add(hashes):
        return verified._replace(causes=hints)
    with temporary_folder("charloom-verify-") as place:
        committed = cloned(place / "committed", commit)
        before, refused = inspected(committed)
        if not add(refused):
            return verified
        shutil.copytree(place / "committed", place / "rebuilt", symlinks=True)
        rebuilt = Project(place / "rebuilt" / committed.root.relative_to(place / "committed"))
        try:
            after = rebuilt_lock(rebuilt, say, NUMBA_CACHE_DIR=str(place / "compiled"))
        except Failed as failed:
            sys.stderr.write(visible(failed.printed))
            verified.rows.append(Row(failed.stage, "it failed", "it failed"))
            return verified._replace(causes=list(contradictions(before, failed.lock)))
        results, conflicts = list(compared(committed, before, rebuilt, after)), contradictions(before, after)
        if add(result.row for result in results):
            add(Row(stages[0], str(LOCK), what) for what, stages in conflicts.items())
        passed = _statement(commit, committed, rebuilt) if verified.last == SAME else None
        causes = [*conflicts, *edits(results, before, after)]
        trained = verified.last != SAME and all(row.stage != "prepare" for row in verified.rows if row.what)
        agrees = _agrees(committed, rebuilt) if trained and not (by_kernel or conflicts) else ""
        return verified._replace(causes=causes, agreement=agreement_of(results), statement=passed, agrees=agrees)


def _agrees(committed: Project, rebuilt: Project) -> str:
    """Return the line of explanations.agreed for the results in two folders."""
    try:
        runs = [from_folder(project.params(), project.files("track")) for project in (committed, rebuilt)]
    except CharloomError:
        return ""
    return agreed([run.facts[1].held_out_bits_per_character for run in runs], [run.network for run in runs])


def _signatures() -> tuple[list[Row], list[str]]:
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
    if last_line(rows) != SAME:
        causes.append(f"{SIGNATURE} was edited, or this machine's arithmetic or the kernel's compiled code differ")
    return rows, causes


def _statement(commit: str, committed: Project, rebuilt: Project) -> dict[str, Any]:
    """Return in-toto's statement that the verification of the commit passed. Call this only if it did.

    It contains the SHA-256 of every file of the rebuilt outputs, the commit and the SHA-256 of MATERIALS and the text,
    and a description of this machine.

    committed  a clone of the commit
    rebuilt    the clone with the rebuilt outputs
    """

    def hashed(project: Project, files: Iterable[Path]) -> list[dict[str, Any]]:
        """Return in-toto's descriptors, name and SHA-256, of the project's files. Missing files are left out."""
        present = [file for file in files if (project.root / file).is_file()]
        return [{"name": file.as_posix(), "digest": {"sha256": sha256(project.root / file)}} for file in present]

    files = (file for output in outputs(committed) for file in files_in(rebuilt.root / output.path))
    materials = hashed(committed, [*MATERIALS, Path(committed.params().prepare.text)])
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": hashed(rebuilt, sorted(file.relative_to(rebuilt.root) for file in files)),
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {
            "result": "PASSED",
            "configuration": [{"name": "commit", "digest": {"gitCommit": commit}}, *materials],
            "passedTests": ["charloom verify"],
            "environment": machine(),
        },
    }
