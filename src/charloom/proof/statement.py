"""An in-toto statement of what was rebuilt, which others' tools can sign and check.

https://github.com/in-toto/attestation: Statement v1, with the predicate test-result v0.1, to which `environment` is
added.
"""

import json
from contextlib import chdir
from pathlib import Path
from typing import Any

from charloom.base.storage import sha256
from charloom.proof.outputs import Output
from charloom.results.git import git
from charloom.results.machine import machine
from charloom.results.identity import SIGNATURE
from charloom.settings.dvc_lock import LOCK
from charloom.settings.params import PARAMS, read_params
from charloom.settings.pipeline import files_in
from charloom.signature.hashes import libraries

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
MATERIALS = (PARAMS, LOCK, SIGNATURE, Path("requirements.lock"))

Material = dict[str, Any]  # in-toto's ResourceDescriptor


def materials(folder: Path) -> list[Material]:
    """Return what results are made of, with hashes: the commit of a clone, and its files before anything is run."""
    with chdir(folder):
        files = [*MATERIALS, Path(read_params().prepare.text)]
        hashed = [{"name": str(each), "digest": {"sha256": sha256(each)}} for each in files if each.is_file()]
        return [{"name": "commit", "digest": {"gitCommit": git("rev-parse", "HEAD")}}, *hashed]


def statement(folder: Path, made: list[Output], of: list[Material]) -> str:
    """Return it as JSON: the SHA-256 of each result in the folder that is equal everywhere, and what it was made of."""
    paths = [folder / each.path for each in made if not each.varies]
    files = sorted(file for path in paths for file in files_in(path))
    content: dict[str, Any] = {
        "_type": TYPE,
        "subject": [
            {"name": file.relative_to(folder).as_posix(), "digest": {"sha256": sha256(file)}} for file in files
        ],
        "predicateType": PREDICATE,
        "predicate": {
            "result": "PASSED",
            "configuration": of,
            "passedTests": ["charloom verify"],
            "environment": machine() | {"features": libraries()["features"]},
        },
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
