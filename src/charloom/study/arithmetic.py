"""Whose arithmetic is ours: the digest of the signature, by which a trial is named and a worker proves itself."""

from functools import lru_cache
from importlib.metadata import version

from charloom.results.trial_key import committed, digest
from charloom.signature.hashes import costs, signature


@lru_cache
def here(dtype: str) -> str:
    """Return the digest of what training and reading in this type come to in this process."""
    return digest(signature(dtype), costs(dtype))


def identity(dtypes: list[str]) -> dict[str, str]:
    """Return what a worker has to have in common with all others: charloom's version, and its arithmetic."""
    return {"charloom": version("charloom"), **{f"{dtype} arithmetic": here(dtype) for dtype in dtypes}}


def expected(dtypes: list[str]) -> dict[str, str]:
    """Return the identity that a worker has to have: this charloom, and the arithmetic of signature.json."""
    return {"charloom": version("charloom"), **{f"{dtype} arithmetic": committed(dtype) for dtype in dtypes}}
