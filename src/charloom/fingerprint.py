"""The name of an experiment: equal in every folder, stage, queue and machine where the experiment is equal."""

import hashlib
import json
from pathlib import Path

from charloom.params import Params
from charloom.storage import sha256


def fingerprint(params: Params, sources: Path) -> str:
    """Return SHA-256 over the parsed params, the text and every Python source, as 64 hexadecimal digits."""
    named = {str(path.relative_to(sources)): sha256(path) for path in sorted(sources.rglob("*.py"))}
    experiment = {"params": params.model_dump(), "text": sha256(Path(params.prepare.text)), "sources": named}
    return hashlib.sha256(json.dumps(experiment, sort_keys=True).encode()).hexdigest()
