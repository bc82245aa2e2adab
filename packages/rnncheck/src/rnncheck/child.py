"""The process that loads and calls a program: `python child.py PROGRAM MAP BYTES SECONDS`.

Standard input gets names of files with calls; standard output gets a line of JSON for each case. What the program
prints is discarded. No pickle leaves this process. The limits and refusals stop accidents, and are no sandbox.
"""

import copy
import inspect
import json
import os
import random
import resource
import shutil
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from rnncheck.definitions import Program

REFUSED = """os.fork os.forkpty os.system os.exec os.posix_spawn os.spawn subprocess.Popen os.kill socket.connect
webbrowser.open""".split()  # noqa: SIM905  audit events
CHANGES = "open os.remove os.rename os.rmdir os.mkdir os.truncate os.chmod shutil.rmtree".split()  # noqa: SIM905
PREFIX = "charloom-grade-"  # of the temporary folder, which has the copy of the program's folder
_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
LARGEST = 2_000_000  # entries of a returned array


def refuse(folder: str, event: str, args: Any) -> None:
    """Raise PermissionError if the audit event starts a process, connects, or changes a file outside the folder."""
    if event in REFUSED:
        raise PermissionError("starts a process, a connection or a browser, which grade refuses")
    if event in CHANGES and isinstance(args[0], str | bytes | os.PathLike):
        reads = event == "open" and not (args[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        path = os.path.realpath(os.fsdecode(args[0]))
        if not reads and not path.startswith((folder, "/dev/")) and "matplotlib" not in path:
            raise PermissionError("changes a file outside its folder, which grade refuses")


def decoded(value: Any, previous: Any) -> Any:
    """Return an argument: an array, a dict of arrays, a part of the previous result, or a random generator."""
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return np.array(value["array"], value["dtype"])
    if "from" in value:
        return previous[value["from"]]
    if "rng" in value:
        np.random.seed(value["rng"])  # noqa: NPY002  programs use it
        random.seed(value["rng"])
        return np.random.default_rng(value["rng"])
    return {name: decoded(item, previous) for name, item in value.items()}


def encoded(value: Any, depth: int = 0) -> Any:
    """Return a result as JSON: arrays as {"array", "dtype"}, dicts and objects as dicts, tuples as lists."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): encoded(item, depth + 1) for name, item in value.items()}
    if hasattr(value, "_asdict"):  # a named tuple
        return encoded(value._asdict(), depth)
    if isinstance(value, tuple) and depth < 2:
        return [encoded(item, depth + 1) for item in value]
    if hasattr(value, "__dict__") and not hasattr(value, "__array__") and depth < 2:
        return {name: encoded(item, depth + 1) for name, item in vars(value).items() if hasattr(item, "__array__")}
    with warnings.catch_warnings(action="ignore"):
        array = np.asarray(value)
    if array.size > LARGEST or array.dtype.kind not in "fiub":
        raise TypeError(f"returns a {type(value).__name__} that is no array of real numbers of a fitting size")
    return {"array": array.tolist(), "dtype": str(array.dtype)}


def called(function: Any, case: Any) -> list[dict[str, Any]]:
    """Call the function as often as the case says; return a result, and the numbers of changed arguments, of each."""
    results, previous = [], None
    for arguments in case["calls"]:
        given = [decoded(argument, previous) for argument in arguments]
        before = copy.deepcopy(given) if case["part"] != "step" else given
        value = function(*given)
        if case["part"] == "step" and not (isinstance(value, tuple) and len(value) == 2):
            value = (given[0] if value is None else value, None)
        if case["part"] == "step" and isinstance(value[0], Mapping):  # the next step gets b and c as (m,) and (K,)
            flat = {n: np.ravel(w) if n in given[0] and given[0][n].ndim == 1 else w for n, w in value[0].items()}
            value = (flat, value[1])
        previous = value
        changed = [n for n, pair in enumerate(zip(before, given, strict=True)) if not _same(*pair)]
        shown = value[:1] if case["part"] == "step" else value  # a memory is the program's own
        results.append({"value": encoded(shown), "changed": changed})
    return results


def undefined(function: Any, case: Any) -> str:
    """Return why the part is not graded, "" if the function takes the arguments of the interface."""
    if not callable(function):
        return "not defined"
    with suppress(ValueError, TypeError):  # a function that has no signature
        parameters = inspect.signature(function).parameters.values()
        names = [p.name for p in parameters if p.kind in _BY_PLACE]
        if any(p.kind == p.VAR_POSITIONAL for p in parameters):
            return ""
        if case["calls"] and len(names) < len(case["calls"][0]):
            return f"not defined: its {case['part']}({', '.join(names)}) has other parameters than docs/grading.md says"
    return ""


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return all(np.array_equal(one[name], other.get(name)) for name in one)
    return not isinstance(one, np.ndarray) or np.array_equal(one, other)


def answer(program: Program, case: Any) -> dict[str, Any]:
    """Load the program afresh, and return the results of the calls, or the error."""
    result: dict[str, Any] = {"constants": {}, "results": [], "error": "", "missing": False}
    try:
        names = program.load(case["map"])
        constants = {name: names.get(name) for name in ("m", "K", "seq_length", "eta")}
        result["constants"] = {n: v for n, v in constants.items() if isinstance(v, int | float) and v > 0}
        result["error"] = undefined(names.get(case["part"]), case)
        result["missing"] = bool(result["error"])
        result["results"] = [] if result["missing"] else called(names[case["part"]], case)
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001  whatever a program raises
        result["error"] = program.where(error) + program.message(error)
    return result


def end_with(parent: int, temporary: Path) -> None:
    """Remove the temporary folder and end this process soon after its parent has ended, for instance by Ctrl-C."""
    while os.getppid() == parent:
        time.sleep(0.5)
    if temporary.name.startswith(PREFIX):
        os.chdir(temporary)  # relative names of the removal are checked against it
        shutil.rmtree(temporary, ignore_errors=True)
    os._exit(1)


def main() -> None:
    """Set the limits, load the program, and answer the calls in the files whose names are on standard input."""
    file, mapped, memory, processor_time = sys.argv[1:]
    questions, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w", buffering=1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    for limit, most in (("CORE", 0), ("FSIZE", 1 << 26), ("AS", 2 * int(memory)), ("CPU", int(processor_time))):
        with suppress(ValueError, OSError):  # a lower limit is set already, or the system has no such limit
            resource.setrlimit(getattr(resource, f"RLIMIT_{limit}"), (most, most))
    program = Program(file, mapped)
    threading.Thread(target=end_with, args=(os.getppid(), program.folder.parent), daemon=True).start()
    sys.argv, sys.path[:0] = [file], [str(program.folder)]
    sys.meta_path.insert(0, program)
    sys.addaudithook(lambda event, args: refuse(str(program.folder.parent), event, args))
    with suppress(Exception, SystemExit):  # each answer says why
        program.load()
    answers.write("loaded\n")
    for name in questions:
        result: dict[str, Any] = {"error": ""}
        for case in json.loads(Path(name.strip()).read_bytes()):
            if not result["error"] or case["map"]:  # the first error is enough, unless each case has another map
                result = answer(program, case)
            answers.write(json.dumps(result) + "\n")
    os._exit(0)  # without the program's threads and exit handlers


if __name__ == "__main__":
    main()
