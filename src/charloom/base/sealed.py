"""Lines of JSON that say whether they are what was written: behind each a tab and the start of its SHA-256."""

import hashlib
import json
from typing import Any

DIGITS = 16  # hexadecimal, of SHA-256


def sealed(content: Any) -> str:
    """Return the line, with its end."""
    line = json.dumps(content)
    return f"{line}\t{_digest(line.encode())}\n"


def unsealed(line: bytes) -> Any:
    """Return what the line says, without its end; an older one has no digest. Raises ValueError where it is damaged."""
    content, tab, digest = line.partition(b"\t")  # JSON writes a tab as an escape
    if tab and digest.decode() != _digest(content):
        raise ValueError("a line is not what was written")
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("a line is too deep") from None


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:DIGITS]
