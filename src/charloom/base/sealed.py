"""Lines of JSON with a checksum: the JSON, a tab, and the first DIGITS hexadecimal digits of the JSON's SHA-256."""

import hashlib
import json
from typing import Any

DIGITS = 16  # hexadecimal, of SHA-256


def sealed(content: Any) -> str:
    """Return the content as a line of JSON with its checksum, newline included."""
    line = json.dumps(content)
    return f"{line}\t{hashlib.sha256(line.encode()).hexdigest()[:DIGITS]}\n"


def unsealed(line: bytes) -> Any:
    """Return the content of a line from `sealed`, given without its newline.

    A line without checksum is accepted, because older versions wrote such lines. Raises ValueError if the checksum
    differs, or if the JSON is invalid.
    """
    content, tab, digest = line.partition(b"\t")  # JSON escapes a tab, so this is the first one
    if tab and digest.decode() != hashlib.sha256(content).hexdigest()[:DIGITS]:
        raise ValueError("a line has a wrong checksum")
    return json.loads(content)
