"""The package as one file, to copy into another project: `python -m dvc_summary.one_file > dvc_summary.py`."""

import re
from pathlib import Path

# Each after what it imports.
MODULES = ("__init__", "git", "markdown", "locks", "facts", "sections", "pictures", "__main__")
# The folder of the file is the first place in which Python looks for modules, and it is somebody's repository.
NO_CODE_BESIDE = """\
import os
import sys

# No code that lies beside this file runs, or beside what a link to it, or to its folder, leads to.
beside = {os.path.dirname(path(__file__)) for path in (os.path.abspath, os.path.realpath)}
sys.path[:] = [each for each in sys.path if each not in beside]

"""
OWN = re.compile(r"^from dvc_summary\.\w+ import (?:\([^)]*\)|.*)\n", re.MULTILINE)


def one_file() -> str:
    """Return the text of the file: the modules one after another, without what they import of each other."""
    sources = (Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8") for name in MODULES)
    return NO_CODE_BESIDE + "\n\n".join(OWN.sub("", source) for source in sources)


if __name__ == "__main__":
    print(one_file(), end="")
