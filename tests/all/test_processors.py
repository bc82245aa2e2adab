"""The same bits whatever the processor, its vector width, and the way the code is compiled."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from code_paths import LIBRARIES
from numba import njit
from projects import Project

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = json.loads((ROOT / "signature.json").read_text())
FULL = {name: digests for name, digests in COMMITTED.items() if name != "libraries"}

PRINT = "import json; from charloom.signature.hashes import everything; print(json.dumps(everything()))"
# Each with a cache of its own, since each compiles anew.
COMPILED = {
    "generic": {"NUMBA_CPU_NAME": "generic"},
    "x86-64-v2": {"NUMBA_CPU_NAME": "x86-64-v2"},
    "x86-64-v3": {"NUMBA_CPU_NAME": "x86-64-v3"},
    "haswell": {"NUMBA_CPU_NAME": "haswell"},
    "skylake-avx512": {"NUMBA_CPU_NAME": "skylake-avx512"},
    "znver4": {"NUMBA_CPU_NAME": "znver4"},
    "x86-64-v3 without fused multiply-add": {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": "-fma"},
    "unoptimised": {"NUMBA_OPT": "0"},
}


def signature(**variables):
    done = subprocess.run(
        [sys.executable, "-c", PRINT], cwd=ROOT, env=os.environ | variables, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return {name: found[name] for name in FULL}


PROCESSOR = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""


def runs_here(name):
    """Return whether this processor has what code for the named one uses."""
    if "avx512" in name or name == "znver4":
        return "avx512f" in PROCESSOR
    return "avx2" in PROCESSOR or name in {"generic", "x86-64-v2", "unoptimised"}


SIZES = """
import hashlib
from dataclasses import replace
import numpy as np
from oracle import same_bits
from recipes import recipe
from charloom.kernel.advance import advance, start
ids = np.random.default_rng(3).integers(0, 80, 3_201).astype(np.uint8)
for dtype in ("float64", "float32"):
    for m, batch in ((100, 1), (129, 1), (512, 1), (1_000, 1), (1_024, 1), (100, 7), (129, 32)):
        chosen = replace(recipe(m, 25, 0.01, 5.0, dtype), batch=batch)
        state = start(chosen, 80, 3)
        same_bits(chosen, state, ids, 3)
        print(dtype, m, batch, hashlib.sha256(advance(state, ids, 3, chosen).after.theta.flat).hexdigest())
"""


def of_sizes(**variables):
    """Return what a process that compiles anew prints of networks of all these sizes."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")} | variables
    done = subprocess.run([sys.executable, "-c", SIZES], env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def of_sizes_here():
    return of_sizes()


@pytest.mark.parametrize("name", [name for name in COMPILED if runs_here(name)])
def test_the_signature_of_code_compiled_for_another_processor(name, tmp_path, of_sizes_here):
    features = {"NUMBA_CPU_FEATURES": ""} if "NUMBA_CPU_NAME" in COMPILED[name] else {}
    variables = {"NUMBA_CACHE_DIR": str(tmp_path)} | features | COMPILED[name]
    assert signature(**variables) == FULL
    if name != "unoptimised":  # it would take minutes
        assert of_sizes(**variables) == of_sizes_here
        assert of_sizes_here.count("\n") == 14


def test_the_signature_without_numpys_vector_code():
    config = subprocess.run(
        [sys.executable, "-c", "import numpy; print(*numpy.show_config('dicts')['SIMD Extensions'].get('found', []))"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert signature(NPY_DISABLE_CPU_FEATURES=config.stdout.strip()) == FULL


# Whether each library lacks the features. Seed 4687 draws one number whose logarithm differs in the last bit with FMA.
IN_EFFECT = """
import json
import numpy as np
from numba.core.registry import cpu_target
from threadpoolctl import threadpool_info
from charloom.network.normal import standard_normal
features = np._core._multiarray_umath.__cpu_features__
same = standard_normal(np.random.default_rng(4687), 26600) == np.random.default_rng(4687).standard_normal(26600)
print(json.dumps({
    "libm": bool(same.all()),
    "OpenBLAS": any(each.get("architecture") == "Nehalem" for each in threadpool_info()),
    "NumPy": not features["X86_V3"],
    "Numba": cpu_target.target_context.codegen().magic_tuple()[1] == "nehalem",
}))
"""


@pytest.mark.skipif(" fma " not in PROCESSOR, reason="nothing can be taken away from a processor without FMA")
@pytest.mark.parametrize("without", [(), *((name,) for name in LIBRARIES), tuple(LIBRARIES)], ids="-".join)
def test_every_output_of_every_stage_has_the_committed_hash(without, tmp_path):
    clone = Project(tmp_path / "clone")
    subprocess.run(["git", "clone", "--quiet", ROOT, clone.folder], check=True)
    variables = {name: value for each in without for name, value in LIBRARIES[each].items()}
    variables |= {"NUMBA_CACHE_DIR": str(tmp_path / "compiled"), "PYTHONPATH": str(clone.folder / "src")}
    said = json.loads(clone.run("python", "-c", IN_EFFECT, **variables))
    assert said == {name: name in without for name in LIBRARIES}
    committed = (clone.folder / "dvc.lock").read_bytes()
    clone.run("dvc", "repro", "--force", **variables)
    assert (clone.folder / "dvc.lock").read_bytes() == committed
    assert clone.run("git", "status", "--porcelain") == ""


# m, how many seeds, the SHA-256 of all their draws, and the seeds of which NumPy draws others where libm uses FMA.
DRAWN = [
    (100, 12_000, "7330ce5b6ee3c064", [4687, 5366]),
    (2048, 200, "fea076c51b4a4916", [9, 33, 58, 61, 63, 92, 160, 191]),
]
DRAW = """
import hashlib, sys
import numpy as np
from charloom.network.normal import standard_normal
m, seeds = map(int, sys.argv[1:])
digest, others = hashlib.sha256(), []
for seed in range(1, seeds + 1):
    own = standard_normal(np.random.default_rng(seed), m * m + 2 * m * 83)
    digest.update(own)
    if not np.array_equal(own, np.random.default_rng(seed).standard_normal(own.size)):
        others.append(seed)
print(digest.hexdigest()[:16], others)
"""


@pytest.mark.skipif(" fma " not in PROCESSOR, reason="libm computes in one way alone here")
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(("m", "seeds", "digest", "others"), DRAWN)
def test_initial_weights_do_not_depend_on_the_c_library(m, seeds, digest, others, fused):
    done = subprocess.run(
        [sys.executable, "-c", DRAW, str(m), str(seeds)],
        env=os.environ | ({} if fused else LIBRARIES["libm"]), check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == f"{digest} {others if fused else []}\n"


FUSED = ("vfmadd", "vfmsub", "vfnmadd", "vfnmsub", "fmla", "fmls", "fmadd", "fmsub")
COMPILE = """
import numpy as np
from charloom.kernel import drawing, passes, update
from charloom.signature import plain
from charloom.kernel.advance import learned_gradients
from charloom.model.scoring import bits_per_character
from charloom.network.adagrad import AdaGrad
from charloom.network.adam import Adam
from charloom.network.recipe import Recipe
from charloom.network.rnn import filled
from charloom.sampling.writing import Choice, characters
theta, ids = filled(0.1, 3, 4), np.array([[0, 1, 2, 3, 0, 1, 2]]).T
for optimizer in (AdaGrad(0.1), Adam(0.1)):
    recipe = Recipe(3, 6, 0.1, 5.0, "float64", optimizer)
    learned_gradients(theta, ids, np.zeros((1, 3)), recipe)
bits_per_character(theta, ids[:, 0], np.zeros(3))
next(characters(theta, np.zeros(3), 0, Choice(0.5, 2, 0.5), np.random.default_rng(1)))
plain.update(theta, recipe.accumulators(4), ids[:-1], ids[1:], np.zeros((1, 3)), recipe, 0)
fast = update.updates, passes.read, drawing.write
for function in (*fast, plain._forward, plain._softmax, plain._backward):
    print(*function.inspect_asm().values())
"""


def test_the_compiled_code_has_no_fused_multiply_add(tmp_path):
    """In a process that compiles anew: what comes out of a cache cannot be looked at."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    assembly = subprocess.run(
        [sys.executable, "-c", COMPILE], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout
    assert "mul" in assembly
    assert not [word for word in FUSED if word in assembly]


def test_the_search_for_fused_multiply_add_would_find_one():
    @njit(fastmath=True)
    def fused(x, y):
        total = 0.0
        for i in range(len(x)):
            total += x[i] * y[i]
        return total

    fused(np.ones(9), np.ones(9))
    assembly = next(iter(fused.inspect_asm().values()))
    assert any(word in assembly for word in FUSED) or " fma" not in PROCESSOR
