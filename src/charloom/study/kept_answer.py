"""The answer that `charloom study` gave last, kept. Where nothing has changed since, it is said again at once.

What it depends on are files: the study's own, its text, params.yaml, these sources. They are read anew each time. So
this needs no compiler, no statistics and no store, which take seconds to import.
"""

import hashlib
import json
import os
import sysconfig
from contextlib import suppress
from pathlib import Path
from typing import Any

from charloom.base.storage import write
from charloom.settings.params import PARAMS
from charloom.settings.pipeline import OWN, root

SOURCES = Path(__file__).resolve().parents[2]
VARIABLES = ("MLFLOW_", "NUMBA_", "CHARLOOM_")
OF_A_STUDY = ("asked.json", "trials.csv", "curves.csv", "report.html")
SQLITE = "sqlite:///"


class KeptAnswer:
    """That of a study's file, as it is said with these options."""

    def __init__(self, path: Path, *options: Any) -> None:
        """Take both, and look at all that the answer depends on."""
        of_it, folder = OWN / "studies", path.with_suffix("")
        self.note, self.options = of_it / f"{path.stem}.answer", [str(path), *map(str, options)]
        uri = os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}mlflow.db"
        self.store = root() / uri.removeprefix(SQLITE) if uri.startswith(SQLITE) else None
        self.files = [path, *(folder / each for each in OF_A_STUDY), of_it / f"{path.stem}.sent", PARAMS]
        self.files += [Path("signature.json"), path.with_name("index.html")]
        for listed in ("*.y*ml", "*/asked.json", "*/trials.csv", "*/report.html"):  # of all studies, by the index
            self.files += sorted(path.parent.glob(listed))
        with suppress(OSError, ValueError, LookupError, TypeError):
            self.files.append(Path(json.loads((folder / "asked.json").read_text(encoding="utf-8"))["text"]))
        # As they are at the start: libraries set some of their own.
        self.variables = sorted((name, value) for name, value in os.environ.items() if name.startswith(VARIABLES))
        self.before = self._state()

    def again(self) -> tuple[str, str] | None:
        """Return what was said, on standard output and on standard error, where it holds; else None."""
        with suppress(OSError, ValueError, LookupError, TypeError):
            last = json.loads(self.note.read_text(encoding="utf-8"))
            if (last["options"], last["state"]) == (self.options, self.before):
                return str(last["said"]), str(last["warned"])
        return None

    def keep(self, said: str, warned: str) -> None:
        """Keep what was said, if nothing had to be done for it: all is still as it was at the start."""
        if self._state() == self.before:
            kept = {"options": self.options, "state": self.before, "said": said, "warned": warned}
            write(self.note, json.dumps(kept))

    def _state(self) -> str:
        """Return a digest of the files, of these sources, and of what else decides what they come to."""
        # A database is told by which file it is: its content changes with each run.
        store = self.store.stat().st_ino if self.store and self.store.exists() else None
        said = [self.variables, Path(sysconfig.get_path("purelib")).stat().st_mtime_ns, store]
        sources = (each for each in SOURCES.rglob("*") if each.is_file() and "__pycache__" not in each.parts)
        for path in [*self.files, *sorted(sources)]:
            with suppress(OSError):
                said.append((str(path), hashlib.sha256(path.read_bytes()).hexdigest()))
        return hashlib.sha256(repr(said).encode()).hexdigest()
