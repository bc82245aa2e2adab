"""An in-toto statement of what was rebuilt, which others' tools can sign and check.

https://github.com/in-toto/attestation: Statement v1, with the predicate test-result v0.1, to which `environment` is
added.
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
    """Return of what all is made, as in-toto describes it, of a clone in which nothing was run: commit and files."""
    commit = {"name": "commit", "digest": {"gitCommit": git("rev-parse", "HEAD", folder=clone.root)}}
    return [commit, *_hashed(clone, [*MATERIALS, Path(clone.params().prepare.text)])]


def statement(materials: Descriptors, rebuilt: Project, made: list[Output]) -> dict[str, Any]:
    """Return the statement: the SHA-256 of each rebuilt result, and what the results were made of."""
    files = (file.relative_to(rebuilt.root) for each in made for file in files_in(rebuilt.root / each.path))
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
    """Return in-toto's descriptor of each file of the project, if it is there."""
    there = [file for file in files if (project.root / file).is_file()]
    return [{"name": file.as_posix(), "digest": {"sha256": sha256(project.root / file)}} for file in there]
