"""An in-toto statement about rebuilt results, which other tools can sign and check.

Format: https://github.com/in-toto/attestation, Statement v1 with the predicate test-result v0.1 and the additional key
`environment`.
"""

from pathlib import Path
from typing import Any

from charloom.core.base.storage import sha256
from charloom.core.runtime.provenance import machine
from charloom.core.settings.dvc_lock import LOCK
from charloom.core.settings.params import PARAMS
from charloom.core.settings.pipeline import Project, files_in
from charloom.results.git import git
from charloom.results.keys import SIGNATURE

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
MATERIALS = (PARAMS, LOCK, SIGNATURE, Path("requirements.lock"))


def statement(committed: Project, rebuilt: Project, outputs: list[str]) -> dict[str, Any]:
    """Return in-toto's statement that `charloom verify` passed. Call this only if it did.

    It contains the SHA-256 of every file of the rebuilt outputs, the commit and the SHA-256 of MATERIALS and the text,
    and a description of this machine.

    committed  a clone of the commit
    rebuilt    the clone with the rebuilt outputs
    outputs    paths of the outputs
    """
    files = (file.relative_to(rebuilt.root) for path in outputs for file in files_in(rebuilt.root / path))
    commit = {"name": "commit", "digest": {"gitCommit": git("rev-parse", "HEAD", folder=committed.root)}}
    return {
        "_type": TYPE,
        "subject": _hashed(rebuilt, sorted(files)),
        "predicateType": PREDICATE,
        "predicate": {
            "result": "PASSED",
            "configuration": [commit, *_hashed(committed, [*MATERIALS, Path(committed.params().prepare.text)])],
            "passedTests": ["charloom verify"],
            "environment": machine(),
        },
    }


def _hashed(project: Project, files: list[Path]) -> list[dict[str, Any]]:
    """Return in-toto's descriptors, name and SHA-256, of the project's files. Missing files are left out."""
    present = [file for file in files if (project.root / file).is_file()]
    return [{"name": file.as_posix(), "digest": {"sha256": sha256(project.root / file)}} for file in present]
