"""The committed signature beside this machine's: what arithmetic comes to, before anything is rebuilt."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from charloom.base.errors import CheckFailed, Unavailable
from charloom.results.git import git
from charloom.results.identity import SIGNATURE
from charloom.signature.hashes import everything

NO_STATES = ("costs", "texts", "probes", "libraries")  # what else a signature holds
SHOWN = 8  # digits of a hash
NOT_ONE = f"first difference: signature: {SIGNATURE}: not what `python -m charloom.signature` writes"


class Signatures(NamedTuple):
    """What signature.json holds in HEAD, and what it would hold if it were made here."""

    committed: dict[str, Any]
    here: dict[str, Any]

    def compared(self) -> Iterator[tuple[str, str]]:
        """Yield the name of each hash that has to be equal, and what differs: nothing, where it is."""
        committed = named(self.committed)
        for name, digest in named(self.here).items():
            other = str(committed.get(name))
            yield name, "" if other == digest else f"committed {other[:SHOWN]}…, here {digest[:SHOWN]}…"

    def cause(self) -> str:
        """Return what may have made the difference that there is."""
        same = {name: not what for name, what in self.compared()}
        probes = [name for name, digest in self.here["probes"].items() if digest != self.committed["probes"].get(name)]
        if probes:
            return f"this machine computes otherwise, or {SIGNATURE} was edited: other {', '.join(probes)}"
        trained = dict.fromkeys(name.partition(" state after ")[0] for name in same if " state after " in name)
        states = [[same[name] for name in same if name.startswith(f"{each} state after")] for each in trained]
        if any(each != sorted(each, reverse=True) for each in states):
            return f"{SIGNATURE} was edited: a later state is the same, and a state that differs never becomes it again"
        if not any(same.values()):
            return "all of it differs: the kernel's source, or what the compiler makes of it, is another one"
        return f"{SIGNATURE} was edited, or the kernel does this alone in another way: all else in it is the same"

    def probes(self) -> Iterator[str]:
        """Yield a line for each ingredient: whether it is that of the committed results."""
        for name, digest in self.here["probes"].items():
            yield f"probe  {name}: {'same' if digest == self.committed['probes'].get(name) else 'DIFFERENT'}"
        for name, value in self.here["libraries"].items():
            committed = self.committed["libraries"].get(name)
            yield f"probe  {name}: {value}" + ("" if value == committed else f" (committed with {committed})")


def signatures() -> Signatures:
    """Return both. Raises CheckFailed where HEAD holds no signature."""
    try:
        committed = json.loads(git("show", f"HEAD:./{SIGNATURE}"))
        named(committed)
        committed["probes"].get(""), committed["libraries"].get("")
    except (Unavailable, ValueError, LookupError, TypeError, AttributeError):
        raise CheckFailed(NOT_ONE) from None
    return Signatures(committed, everything())


def named(signature: dict[str, Any]) -> dict[str, str]:
    """Return the hashes that have to be equal, by name."""
    trained = {name: states for name, states in signature.items() if name not in NO_STATES}
    named_states = {f"{name} state after {n} updates": each[n] for name, each in trained.items() for n in each}
    return named_states | {
        f"{name} {what}": hashed for what in NO_STATES[:2] for name, hashed in signature[what].items()
    }
