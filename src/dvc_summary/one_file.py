"""The package as one file, to copy into another project: `python -m dvc_summary.one_file > dvc_summary.py`."""

import re
from pathlib import Path

# Every module after the modules that it imports.
MODULES = ("__init__", "git", "markdown", "locks", "facts", "sections", "pictures", "__main__")
# Python searches the file's folder for modules first, and that folder may be an untrusted repository.
NO_CODE_BESIDE = """\
import os
import sys

# Import no code from the folder of this file, nor from the folder that a symbolic link leads to.
folders = {os.path.dirname(path(__file__)) for path in (os.path.abspath, os.path.realpath)}
sys.path[:] = [entry for entry in sys.path if entry not in folders]

"""
OWN = re.compile(r"^from dvc_summary\.\w+ import (?:\([^)]*\)|.*)\n", re.MULTILINE)


def one_file() -> str:
    """Return the source of the file: the MODULES one after the other, without their imports of each other.

    Code at the start of the file keeps Python from importing modules from the file's folder.
    """
    sources = (Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8") for name in MODULES)
    return NO_CODE_BESIDE + "\n\n".join(OWN.sub("", source) for source in sources)


if __name__ == "__main__":
    print(one_file(), end="")
