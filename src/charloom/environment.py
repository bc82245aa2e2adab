"""Refuse, in one line, a Python that has not the project's packages. A stage imports this before any other."""

import signal
import sys
from importlib.util import find_spec

# Until the command runs nothing is at stake: a signal ends it without a word, not in the middle of an import with many.
signal.signal(signal.SIGINT, signal.SIG_DFL)

if missing := [
    name for name in ("numba", "numpy", "pydantic", "rich", "ruamel.yaml") if find_spec(name.split(".")[0]) is None
]:
    sys.stderr.write(
        f"charloom: {sys.executable} has no {', '.join(missing)}: "
        "type `make setup` once and `. .venv/bin/activate`, then repeat the command\n"
    )
    sys.exit(2)
