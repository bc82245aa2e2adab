"""Functions of all stages: read params, seed random numbers, load the model. A failure is one line."""

import os
import platform

if platform.machine() in {"x86_64", "AMD64"}:  # the instructions decide on the last bits: use those of 2013
    os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
    os.environ.setdefault("NPY_DISABLE_CPU_FEATURES", "X86_V4 AVX512_ICL AVX512_SPR")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the number of threads decides, too

import importlib
import inspect
import math
import random
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from ruamel.yaml import YAML, YAMLError

LEAST = {"seed": 0} | dict.fromkeys(("seq_length", "updates", "curve_every", "length", "m"), 1)  # whole numbers
GIVEN = {  # the arguments that a stage gives to each function of the model, in this order
    "start": "K, x, rng", "gradients": "weights, state, x, y", "step": "weights, gradients, memory, n",
    "loss": "weights, state, x, y", "write": "weights, state, x, rng",
}  # fmt: skip


def read_params(*stages, **changes):
    """Return the params that dvc.yaml lists for these stages, by name. `changes` replace values of params.yaml."""
    try:
        params, pipeline = (YAML(typ="safe").load(Path(name)) for name in ("params.yaml", "dvc.yaml"))
    except (OSError, YAMLError) as error:
        raise SystemExit(" ".join(str(error).split())) from None
    entries = [entry for stage in stages for entry in pipeline["stages"][stage]["params"]]
    listed = {*params} if {"params.yaml": None} in entries else {*entries}  # None: the whole file
    if missing := ({*listed, *changes} - {*params}):
        raise SystemExit(f"params.yaml: {min(missing)} is missing; it has {', '.join(params)}")
    params = {name: (params | changes)[name] for name in params if name in listed}
    for name, value in params.items():
        if name in LEAST:
            right, allowed = type(value) is int and value >= LEAST[name], f"a whole number from {LEAST[name]} on"
        elif name in {"program", "text"}:
            right, allowed = isinstance(value, str), "a name"
        else:  # a param of your own may be something else: add it above
            right, allowed = type(value) in {int, float} and 0 <= value < math.inf, "a number from 0 on"
            right |= name == "clip" and value is None
        if not right:
            raise SystemExit(f"params.yaml: {name}: {value!r} is not allowed; allowed is {allowed}")
    return params


def seeded(seed):
    """Seed NumPy's and Python's global generators, and return a generator: before each use of random numbers."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    return np.random.default_rng(seed)


def functions(params, own, *names):
    """Return these functions of src/PROGRAM.py, each with the params that are its keyword-only arguments.

    own  the params that the stage itself uses: each other one that no function takes gets a line
    """
    file = f"src/{params['program']}.py"
    if not Path(__file__).with_name(f"{params['program']}.py").is_file():
        raise SystemExit(f"params.yaml: program: {params['program']} is not allowed: {file} does not exist")
    program, bound, unused = importlib.import_module(params["program"]), {}, set(params) - {"program", *own}
    for name in names:
        if not hasattr(program, name):
            raise SystemExit(f"{file}: {name}({GIVEN[name]}) is missing")
        arguments = inspect.signature(getattr(program, name)).parameters.values()
        wanted = {argument.name for argument in arguments if argument.kind is argument.KEYWORD_ONLY}
        if len(arguments) - len(wanted) != GIVEN[name].count(",") + 1:
            raise SystemExit(f"{file}: {name} takes ({GIVEN[name]}); params follow after a *, such as (…, *, eta)")
        if missing := wanted - set(params):
            raise SystemExit(f"{file}: {name} takes {min(missing)}, which dvc.yaml does not list for this stage")
        bound[name] = partial(getattr(program, name), **{param: params[param] for param in wanted})
        unused -= wanted
    for name in sorted(unused):
        print(f"params.yaml: {name} has no effect here: {', '.join(names)} of {file} do not take it", flush=True)
    return SimpleNamespace(**bound)


def save(path, text):
    """Write the text to the file, and make its folder."""
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(text, encoding="utf-8", newline="")
