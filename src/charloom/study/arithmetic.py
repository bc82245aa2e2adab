"""Whose arithmetic is ours: the digest of the signature, by which a trial is named and a worker proves itself."""

import hashlib
import json
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from charloom.base.errors import Damaged
from charloom.kernel.signature import SIGNATURE, costs, signature


def committed(dtype: str) -> str:
    """Return the digest of what signature.json says of training and reading in this type. Raises Damaged."""
    try:
        said = json.loads(SIGNATURE.read_text(encoding="utf-8"))
        return _digest(said[dtype], said["costs"][dtype])
    except OSError as error:
        raise Damaged(f"{SIGNATURE}: {error.strerror}; `git restore {SIGNATURE}` brings it back") from None
    except (ValueError, LookupError, TypeError):
        raise Damaged(f"{SIGNATURE}: not the signature; `git restore {SIGNATURE}` brings it back") from None


@lru_cache
def here(dtype: str) -> str:
    """Return the digest of what training and reading in this type come to in this process."""
    return _digest(signature(dtype), costs(dtype))


def identity(dtypes: list[str]) -> dict[str, str]:
    """Return what a worker has to have in common with all others: charloom's version, and its arithmetic."""
    return {"charloom": version("charloom"), **{f"{dtype} arithmetic": here(dtype) for dtype in dtypes}}


def expected(dtypes: list[str]) -> dict[str, str]:
    """Return the identity that a worker has to have: this charloom, and the arithmetic of signature.json."""
    return {"charloom": version("charloom"), **{f"{dtype} arithmetic": committed(dtype) for dtype in dtypes}}


def _digest(states: Any, read: Any) -> str:
    return hashlib.sha256(json.dumps([states, read]).encode()).hexdigest()[:16]
