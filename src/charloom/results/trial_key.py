"""What names a trial of a study: its experiment, and the arithmetic that signature.json stands for."""

import hashlib
import json
from pathlib import Path
from typing import Any

from charloom.base.errors import Damaged
from charloom.settings.experiment import experiment_key
from charloom.settings.params import Params

SIGNATURE = Path("signature.json")
DIGITS = 16  # of a key, in a table


def trial_key(params: Params, text_sha256: str, arithmetic: str) -> str:
    """Return what names a trial: the params that name an experiment, the text, and the digest of the signature."""
    named = [experiment_key(params, text_sha256), arithmetic]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()[:DIGITS]


def committed(dtype: str) -> str:
    """Return the digest of what signature.json says of training and reading in this type. Raises Damaged."""
    try:
        said = json.loads(SIGNATURE.read_text(encoding="utf-8"))
        return digest(said[dtype], said["costs"][dtype])
    except OSError as error:
        raise Damaged(f"{SIGNATURE}: {error.strerror}; `git restore {SIGNATURE}` brings it back") from None
    except (ValueError, LookupError, TypeError):
        raise Damaged(f"{SIGNATURE}: not the signature; `git restore {SIGNATURE}` brings it back") from None


def digest(states: Any, read: Any) -> str:
    """Return the digest of what training and reading come to."""
    return hashlib.sha256(json.dumps([states, read]).encode()).hexdigest()[:DIGITS]
