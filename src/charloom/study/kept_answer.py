"""A cache of the last output of `charloom study`. If nothing has changed, the command prints the cached output at once.

The output depends on the study's files, its text, params.yaml, the sources and some environment variables. Their hash
is compared at each call. This module imports no compiler, no statistics and no MLflow, which take seconds to import.
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
OF_A_STUDY = ("asked.json", "trials.csv", "curves.csv", "passages.csv", "report.html")
SQLITE = "sqlite:///"


class KeptAnswer:
    """The cached output of `charloom study` for a study's file and options, in .charloom/studies/NAME.answer."""

    def __init__(self, path: Path, *options: Any) -> None:
        """Hash everything that the output depends on. A file that cannot be read counts as missing.

        path     the study's file
        options  the options of the command, and everything else that identifies the call
        """
        cache, folder = OWN / "studies", path.with_suffix("")
        self.note, self.options = cache / f"{path.stem}.answer", [str(path), *map(str, options)]
        uri = os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}mlflow.db"
        self.store = root() / uri.removeprefix(SQLITE) if uri.startswith(SQLITE) else None
        self.files = [path, *(folder / name for name in OF_A_STUDY), cache / f"{path.stem}.sent", PARAMS]
        self.files += [Path("signature.json"), path.with_name("index.html")]
        for listed in ("*.y*ml", "*/asked.json", "*/trials.csv", "*/report.html"):  # the index lists all studies
            self.files += sorted(path.parent.glob(listed))
        with suppress(OSError, ValueError, LookupError, TypeError):
            self.files.append(Path(json.loads((folder / "asked.json").read_text(encoding="utf-8"))["text"]))
        # Read at the start, because libraries set some of their own later.
        self.variables = sorted((name, value) for name, value in os.environ.items() if name.startswith(VARIABLES))
        self.before = self._state()

    def again(self) -> tuple[str, str] | None:
        """Return the cached standard output and warnings; None if there are none, or anything has changed since."""
        with suppress(OSError, ValueError, LookupError, TypeError):
            last = json.loads(self.note.read_text(encoding="utf-8"))
            if (last["options"], last["state"]) == (self.options, self.before):
                return str(last["said"]), str(last["warned"])
        return None

    def keep(self, output: str, warnings: str) -> None:
        """Cache the output and the warnings. If a file has changed since the object was made, do nothing."""
        if self._state() == self.before:
            content = {"options": self.options, "state": self.before, "said": output, "warned": warnings}
            write(self.note, json.dumps(content))

    def _state(self) -> str:
        """Return a digest of everything that the output depends on.

        This is the content of files and sources, the installed packages, environment variables, and which file is
        MLflow's database.
        """
        # The inode identifies a database, because its content changes with each run.
        store = self.store.stat().st_ino if self.store and self.store.exists() else None
        facts = [self.variables, Path(sysconfig.get_path("purelib")).stat().st_mtime_ns, store]
        sources = (file for file in SOURCES.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
        for path in [*self.files, *sorted(sources)]:
            with suppress(OSError):
                facts.append((str(path), hashlib.sha256(path.read_bytes()).hexdigest()))
        return hashlib.sha256(repr(facts).encode()).hexdigest()
