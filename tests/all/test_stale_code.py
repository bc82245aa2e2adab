"""Machine code is never older than its sources."""

import math
import os
import shutil
import subprocess
import sys

import pytest

from charloom.kernel import cache

# exp stands in elementary.py; the addition that it uses, in vector.py, is edited below.
PRINT = "from charloom.kernel.elementary import exp; import numpy as np; print(exp(np.ones(1))[0])"


def test_an_edited_import_of_a_compiled_function_is_compiled_again(tmp_path):
    package = shutil.copytree(cache.ROOM.parent, tmp_path / "charloom", ignore=shutil.ignore_patterns("__pycache__"))

    def printed():
        environment = os.environ | {"PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
        done = subprocess.run(
            [sys.executable, "-c", PRINT], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
        )
        return float(done.stdout)

    e = printed()
    vector = package / "kernel/vector.py"
    plus = "builder.fadd(left, right)"
    assert plus in vector.read_text()
    vector.write_text(vector.read_text().replace(plus, "builder.fsub(left, right)"))
    assert e == pytest.approx(math.e)
    assert printed() != e
