"""Lines of JSON with a checksum: the JSON, a tab, and the first DIGITS hexadecimal digits of the JSON's SHA-256."""

import hashlib
import json
from typing import Any

DIGITS = 16  # hexadecimal, of SHA-256


def sealed(content: Any) -> str:
    """Return the content as a line of JSON with its checksum, newline included."""
    line = json.dumps(content)
    return f"{line}\t{_digest(line.encode())}\n"


def unsealed(line: bytes) -> Any:
    """Return the content of a line from `sealed`, given without its newline.

    A line without checksum is accepted, because older versions wrote such lines. Raises ValueError if the checksum
    differs, or if the JSON is invalid or nested too deeply.
    """
    content, tab, digest = line.partition(b"\t")  # JSON escapes a tab, so this is the first one
    if tab and digest.decode() != _digest(content):
        raise ValueError("a line has a wrong checksum")
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("a line has too deeply nested JSON") from None


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:DIGITS]
