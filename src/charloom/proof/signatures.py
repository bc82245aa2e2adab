"""Compare the committed signature.json with one computed here: a check of the arithmetic, before anything is rebuilt.

A signature has hashes of the results of small trainings and of elementary operations ("probes").
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from charloom.base.errors import CheckFailed, Unavailable
from charloom.proof.differences import Row
from charloom.results.git import git
from charloom.results.identity import SIGNATURE
from charloom.signature.hashes import everything

NO_STATES = ("costs", "texts", "probes", "libraries")  # keys of a signature that are no trainings
SHOWN = 8  # digits of a hash
NOT_ONE = f"first difference: signature: {SIGNATURE}: not what `python -m charloom.signature` writes"


class Signatures(NamedTuple):
    """The content of signature.json in HEAD, and the signature computed on this machine."""

    committed: dict[str, Any]
    here: dict[str, Any]

    def compared(self) -> Iterator[Row]:
        """Yield a row for each hash that must be equal on all machines."""
        committed = named(self.committed)
        for name, digest in named(self.here).items():
            other = str(committed.get(name))
            what = "" if other == digest else f"committed {other[:SHOWN]}…, here {digest[:SHOWN]}…"
            yield Row("signature", name, what)

    def cause(self) -> str:
        """Return a sentence with the likely cause of the differences. Call this only if the signatures differ."""
        same = {name: not what for _, name, what in self.compared()}
        probes = [name for name, digest in self.here["probes"].items() if digest != self.committed["probes"].get(name)]
        if probes:
            return f"this machine has other arithmetic, or {SIGNATURE} was edited: different {', '.join(probes)}"
        trained = dict.fromkeys(name.partition(" state after ")[0] for name in same if " state after " in name)
        states = [[same[name] for name in same if name.startswith(f"{key} state after")] for key in trained]
        if any(by_update != sorted(by_update, reverse=True) for by_update in states):
            return f"{SIGNATURE} was edited: a later state is the same, which is impossible after a different state"
        if not any(same.values()):
            return "everything differs: the kernel's sources or its compiled code differ from those of HEAD"
        return f"{SIGNATURE} was edited, or the kernel differs in this computation only: everything else is the same"

    def probes(self) -> Iterator[str]:
        """Yield lines that help to explain a difference.

        A line for each elementary operation says whether its hash here equals the committed one. The other lines have
        the versions of libraries and the processor's features, here and committed if they differ.
        """
        for name, digest in self.here["probes"].items():
            yield f"probe  {name}: {'same' if digest == self.committed['probes'].get(name) else 'DIFFERENT'}"
        for name, value in self.here["libraries"].items():
            committed = self.committed["libraries"].get(name)
            yield f"probe  {name}: {value}" + ("" if value == committed else f" (committed with {committed})")


def signatures() -> Signatures:
    """Read HEAD's signature.json, and compute the signature on this machine.

    Raises CheckFailed if HEAD's signature.json is missing or invalid.
    """
    try:
        committed = json.loads(git("show", f"HEAD:./{SIGNATURE}"))
        named(committed)
        committed["probes"].get(""), committed["libraries"].get("")
    except (Unavailable, ValueError, LookupError, TypeError, AttributeError):
        raise CheckFailed(NOT_ONE) from None
    return Signatures(committed, everything())


def named(signature: dict[str, Any]) -> dict[str, str]:
    """Return the hashes that must be equal on all machines, by name, from the content of signature.json."""
    trained = {name: states for name, states in signature.items() if name not in NO_STATES}
    named_states = {f"{name} state after {n} updates": hashes[n] for name, hashes in trained.items() for n in hashes}
    return named_states | {
        f"{name} {what}": digest for what in NO_STATES[:2] for name, digest in signature[what].items()
    }
