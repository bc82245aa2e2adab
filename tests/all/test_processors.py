"""The same bits whatever the processor, its vector width, and the way the code is compiled."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from code_paths import ALL, LIBRARIES
from oracle import same_bits
from projects import ROOT
from recipes import recipe

from charloom.core.kernel.advance import advance
from charloom.core.kernel.layout import scratch, weights
from charloom.core.network.state import initial_state

COMMITTED = json.loads((ROOT / "signature.json").read_text())
PROCESSOR = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
# test_readme.py runs optimised code for an older processor.
COMPILED = {name: {"NUMBA_CPU_NAME": name} for name in ("x86-64-v3", "skylake-avx512")}
COMPILED |= {"unoptimised": {"NUMBA_CPU_NAME": "generic", "NUMBA_OPT": "0"}}
NEEDED = {"x86-64-v3": "avx2", "skylake-avx512": "avx512f"}  # what this processor must have to run the code
RECIPES = ("float64", "batch adam float32")  # each optimiser, type and kind of update once: 10 s each
TYPES = ("float64", "float32")
# Type and m: each has another width of a panel of W, and is compiled separately; the signature's networks have 4.
SIZES = {("float64", 100): 13, ("float32", 100): 7, ("float64", 56): 7, ("float32", 208): 13}
FUSED = ("vfmadd", "vfmsub", "vfnmadd", "vfnmsub", "fmla", "fmls", "fmadd", "fmsub")
COMPILE = """
import json
from all.test_processors import FUSED, RECIPES, TYPES, trained
from charloom.core.kernel import drawing, passes, update
from charloom.signature.hashes import costs, signature, texts
results = {name: signature(name) for name in RECIPES}
results |= {"costs": {dtype: costs(dtype) for dtype in TYPES}, "texts": {dtype: texts(dtype) for dtype in TYPES}}
results["sizes"] = [trained("float64", 100), trained("float32", 100)]
functions = update.updates, passes.read, drawing.write
assembly = "".join(text for function in functions for text in function.inspect_asm().values())
assert "mul" in assembly
results["fused"] = [word for word in FUSED if word in assembly]
print(json.dumps(results))
"""
# The SHA-256 of initial weights of 800 seeds, the seeds of which NumPy draws other numbers, because libm uses FMA in a
# logarithm, and whether each library lacks the features.
IN_EFFECT = """
import hashlib, json
import numpy as np
from numba.core.registry import cpu_target
from threadpoolctl import threadpool_info
from charloom.core.network.normal import standard_normal
digest, others = hashlib.sha256(), []
for seed in range(4600, 5400):
    own = standard_normal(np.random.default_rng(seed), 26_600)
    digest.update(own)
    if not np.array_equal(own, np.random.default_rng(seed).standard_normal(own.size)):
        others.append(seed)
print(json.dumps([digest.hexdigest()[:16], others, {
    "libm": not others,
    "OpenBLAS": any(library.get("architecture") == "Nehalem" for library in threadpool_info()),
    "NumPy": not np._core._multiarray_umath.__cpu_features__["X86_V3"],
    "Numba": cpu_target.target_context.codegen().magic_tuple()[1] == "nehalem",
}]))
"""


def fresh(dtype: str, m: int):
    """Return recipe, state and text of a training that is chaotic: one wrong bit would not stay alone."""
    chaotic = recipe(m, 25, 0.01, 5.0, dtype)
    return chaotic, initial_state(chaotic, 83, 3), np.random.default_rng(3).integers(0, 83, 40 * 25).astype(np.uint8)


def trained(dtype: str, m: int) -> str:
    """Return the SHA-256 of the weights after 100 updates."""
    chaotic, state, ids = fresh(dtype, m)
    return hashlib.sha256(advance(state, ids, 100, chaotic).after.theta.flat).hexdigest()


@pytest.mark.parametrize(("dtype", "m"), SIZES)
def test_a_hundred_updates_of_every_width_are_those_of_the_plain_loops(dtype, m):
    chaotic, state, ids = fresh(dtype, m)
    assert len(scratch(weights(state.theta), m, 83, 25).width) == SIZES[dtype, m]
    same_bits(chaotic, state, ids, 100)


@pytest.mark.parametrize("name", [name for name in COMPILED if NEEDED.get(name, "") in PROCESSOR])
def test_code_for_another_processor_has_equal_results_and_no_fused_multiply_add(name, tmp_path):
    """It compiles into an empty cache: the assembly of cached code cannot be read."""
    own = {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT / "tests"), "NUMBA_CPU_FEATURES": ""}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE], cwd=ROOT, env=os.environ | own | COMPILED[name], check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert results.pop("sizes") == [trained("float64", 100), trained("float32", 100)]
    assert results.pop("fused") == []
    assert results == {part: COMMITTED[part] for part in results}


@pytest.mark.skipif(" fma " not in PROCESSOR, reason="nothing can be taken away from a processor without FMA")
@pytest.mark.parametrize("without", [{}, ALL], ids=["as it is", "other code paths"])
def test_initial_weights_do_not_depend_on_the_c_library(without):
    """test_readme.py runs the pipeline with the same variables."""
    printed = subprocess.check_output([sys.executable, "-c", IN_EFFECT], env=os.environ | without)
    digest, others, in_effect = json.loads(printed)
    assert (digest, others) == ("e14a89210bdf9d0f", [] if without else [4687, 5366])
    assert in_effect == dict.fromkeys(LIBRARIES, bool(without))
