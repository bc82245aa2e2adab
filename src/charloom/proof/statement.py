"""An in-toto statement of what was rebuilt, which others' tools can sign and check.

https://github.com/in-toto/attestation: Statement v1, with the predicate test-result v0.1, to which `environment` is
added.
"""

from contextlib import chdir
from pathlib import Path
from typing import Any

from charloom.base.storage import sha256
from charloom.proof.outputs import Output
from charloom.results.git import git
from charloom.results.identity import SIGNATURE
from charloom.results.machine import machine
from charloom.settings.dvc_lock import LOCK
from charloom.settings.params import PARAMS, read_params
from charloom.settings.pipeline import files_in
from charloom.signature.hashes import libraries

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
MATERIALS = (PARAMS, LOCK, SIGNATURE, Path("requirements.lock"))


Descriptors = list[dict[str, Any]]


def materials_of(clone: Path) -> Descriptors:
    """Return of what all is made, as in-toto describes it, of a clone in which nothing was run: commit and files."""
    with chdir(clone):
        commit = {"name": "commit", "digest": {"gitCommit": git("rev-parse", "HEAD")}}
        return [commit, *_hashed([*MATERIALS, Path(read_params().prepare.text)])]


def statement(materials: Descriptors, rebuilt: Path, made: list[Output]) -> dict[str, Any]:
    """Return the statement: the SHA-256 of each rebuilt result, and what the results were made of."""
    with chdir(rebuilt):
        subject = _hashed(sorted(file for each in made for file in files_in(Path(each.path))))
    return {
        "_type": TYPE,
        "subject": subject,
        "predicateType": PREDICATE,
        "predicate": {
            "result": "PASSED",
            "configuration": materials,
            "passedTests": ["charloom verify"],
            "environment": machine() | {"features": libraries()["features"]},
        },
    }


def _hashed(files: list[Path]) -> Descriptors:
    """Return in-toto's descriptor of each file that is there."""
    return [{"name": file.as_posix(), "digest": {"sha256": sha256(file)}} for file in files if file.is_file()]
