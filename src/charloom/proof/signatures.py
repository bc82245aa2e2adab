"""Compare the committed signature.json with one computed here: a check of the arithmetic, before anything is rebuilt.

A signature has hashes of the results of small trainings and of elementary operations ("probes"). Its values have dotted
names: `float64.500` is the hash after 500 updates.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from charloom.base.errors import CheckFailed, Unavailable
from charloom.proof.differences import Row
from charloom.results.git import git
from charloom.results.identity import SIGNATURE
from charloom.signature.hashes import everything
from dvc_summary.locks import leaves

PROBE, LIBRARY = "probes.", "libraries."  # values that only explain a difference
SHOWN = 8  # digits of a hash


class Signatures(NamedTuple):
    """The values of signature.json in HEAD, and those computed on this machine, by dotted name."""

    committed: dict[str, Any]
    here: dict[str, Any]

    def compared(self) -> Iterator[Row]:
        """Yield a row for each hash that must be equal on all machines."""
        for name, digest in self.here.items():
            if not name.startswith((PROBE, LIBRARY)):
                committed = f"{str(self.committed[name])[:SHOWN]}…" if name in self.committed else "nothing"
                what = "" if self._is_same(name) else f"committed {committed}, here {digest[:SHOWN]}…"
                yield Row("signature", name, what)

    def cause(self) -> str:
        """Return a sentence with the likely cause of the differences. Call this only if the signatures differ."""
        probes = [name for name in self.here if name.startswith(PROBE) and not self._is_same(name)]
        if probes:
            return f"this machine has other arithmetic, or {SIGNATURE} was edited: different {', '.join(probes)}"
        return f"the kernel's sources or its compiled code differ from those of HEAD, or {SIGNATURE} was edited"

    def probes(self) -> Iterator[str]:
        """Yield lines that help to explain a difference.

        A line for each elementary operation says whether its hash here equals the committed one. The other lines have
        the versions of libraries and the processor's features, here and committed if they differ.
        """
        for name, value in self.here.items():
            if name.startswith(PROBE):
                yield f"probe  {name.removeprefix(PROBE)}: {'same' if self._is_same(name) else 'DIFFERENT'}"
            if name.startswith(LIBRARY):
                committed = "" if self._is_same(name) else f" (committed with {self.committed.get(name)})"
                yield f"probe  {name.removeprefix(LIBRARY)}: {value}{committed}"

    def _is_same(self, name: str) -> bool:
        return bool(self.committed.get(name) == self.here[name])


def signatures() -> Signatures:
    """Read HEAD's signature.json, and compute the signature on this machine.

    Raises CheckFailed if HEAD's signature.json is missing or no JSON.
    """
    try:
        committed = json.loads(git("show", f"HEAD:./{SIGNATURE}"))
        return Signatures(dict(leaves(committed)), dict(leaves(everything())))
    except (Unavailable, ValueError, RecursionError):
        what = "not what `python -m charloom.signature` writes"
        raise CheckFailed(f"first difference: signature: {SIGNATURE}: {what}") from None
