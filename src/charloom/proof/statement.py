"""An in-toto statement about rebuilt results, which other tools can sign and check.

Format: https://github.com/in-toto/attestation, Statement v1 with the predicate test-result v0.1 and the additional key
`environment`.
"""

from pathlib import Path
from typing import Any

from charloom.base.storage import sha256
from charloom.proof.outputs import Output
from charloom.results.git import git
from charloom.results.identity import SIGNATURE
from charloom.results.machine import machine
from charloom.settings.dvc_lock import LOCK
from charloom.settings.params import PARAMS
from charloom.settings.pipeline import Project, files_in
from charloom.signature.hashes import libraries

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
MATERIALS = (PARAMS, LOCK, SIGNATURE, Path("requirements.lock"))

Descriptors = list[dict[str, Any]]


def materials_of(clone: Project) -> Descriptors:
    """Return in-toto's descriptors of the inputs of the results: the commit, MATERIALS and the text.

    clone  a clone in which no stage has run
    """
    commit = {"name": "commit", "digest": {"gitCommit": git("rev-parse", "HEAD", folder=clone.root)}}
    return [commit, *_hashed(clone, [*MATERIALS, Path(clone.params().prepare.text)])]


def statement(materials: Descriptors, rebuilt: Project, results: list[Output]) -> dict[str, Any]:
    """Return in-toto's statement that `charloom verify` passed. Call this only if it did.

    It contains the SHA-256 of every file of the rebuilt outputs, the descriptors of the inputs, and a description of
    this machine.

    materials  descriptors of the inputs, see `materials_of`
    rebuilt    the project with the rebuilt outputs
    results    the outputs
    """
    files = (file.relative_to(rebuilt.root) for output in results for file in files_in(rebuilt.root / output.path))
    return {
        "_type": TYPE,
        "subject": _hashed(rebuilt, sorted(files)),
        "predicateType": PREDICATE,
        "predicate": {
            "result": "PASSED",
            "configuration": materials,
            "passedTests": ["charloom verify"],
            "environment": machine() | {"features": libraries()["features"]},
        },
    }


def _hashed(project: Project, files: list[Path]) -> Descriptors:
    """Return in-toto's descriptors, name and SHA-256, of the project's files. Missing files are left out."""
    present = [file for file in files if (project.root / file).is_file()]
    return [{"name": file.as_posix(), "digest": {"sha256": sha256(project.root / file)}} for file in present]
