"""Plant one fault of mutants.toml at a time in a copy of this checkout; exit with 1 if no test fails: `make mutants`.

Two copies work at the same time, each with an environment of its own, so that their tests run their sources alone.
NAMES=a,b plants these faults only. With ALL=1, a fault that its test misses may be caught by any test of `make test`.
"""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import indent
from typing import Any, NamedTuple

import psutil

ROOT = Path(__file__).resolve().parent.parent
ALL = ["--ignore=tests/all", "-m", "not slow"] if os.environ.get("ALL") else []  # as `make test`
LEFT_OUT = (".venv*", ".charloom", "mlflow.db*", "mlartifacts", "__pycache__", "cache")
COPIES, MAY_TAKE = 2, 1800  # seconds for the test of a fault


class Fault(NamedTuple):
    """The path of a file, its content with the fault, and the test that has to fail."""

    file: str
    content: str
    test: str


def faults() -> dict[str, Fault]:
    """Return the faults of mutants.toml by name. Raises ValueError, with a line for each that cannot be planted."""
    plantable, lines = {}, []
    for name, row in tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")).items():
        try:
            plantable[name] = Fault(*changed_file(row["in"], row["from"], row["to"]), path_of_test(row["test"]))
        except (ValueError, SyntaxError) as error:
            lines.append(f"tests/mutants.toml: {name}: {error}")
    if lines:
        raise ValueError("\n".join(lines))
    return plantable


def changed_file(place: str, old: str, new: str) -> tuple[str, str]:
    """Return the path of the file that has this function or class, and its content with `new` for `old`."""
    paths = [path for path in files().get(place.rpartition(".")[2], ()) if "tests" not in Path(path).parts]
    scopes = [(path, scope) for path in paths for name, scope in scopes_of(path) if name.endswith(f".{place}")]
    if not scopes:
        raise ValueError(f"no function or class is named {place}: write its new name, or remove the fault with it")
    edits = {(path, scope, source) for path, scope in scopes for source in variants(scope, old, new)}
    if len(edits) != 1:
        found, cure = f"`{old}` occurs {len(edits)} times", "write what is there now, or remove the fault"
        raise ValueError(f"{found} in {place} ({', '.join({path: 0 for path, _ in scopes})}), not once: {cure}")
    ((path, scope, source),) = edits
    first = min(node.lineno for node in (scope, *scope.decorator_list))
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines(keepends=True)
    lines[first - 1 : scope.end_lineno] = indent(source, " " * scope.col_offset), "\n"
    return path, "".join(lines)


def path_of_test(test: str) -> str:
    """Return the path of the test with this name, as pytest takes it."""
    paths = files().get(test, [])
    if len(paths) != 1:
        raise ValueError(f"{len(paths)} tests are named {test}, not one: write the name of the test that catches it")
    return f"{paths[0]}::{test}"


@cache
def files() -> dict[str, list[str]]:
    """Return the Python files that Git does not ignore by the names of the functions and classes in them."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    paths: dict[str, list[str]] = defaultdict(list)
    for path in subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines():
        content = (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).is_file() else ""
        for name in set(re.findall(r"^ *(?:def|class) (\w+)", content, re.M)):
            paths[name].append(path)
    return paths


@cache
def scopes_of(path: str) -> list[tuple[str, Any]]:
    """Return the functions and classes of the file with their qualified names."""

    def inside(node: ast.AST, name: str) -> Iterator[tuple[str, Any]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                yield f"{name}.{child.name}", child
                yield from inside(child, f"{name}.{child.name}")
            else:
                yield from inside(child, name)

    module = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return list(inside(module, "." + path.removesuffix(".py").replace("/", ".")))


def variants(scope: ast.AST, old: str, new: str) -> Iterator[str]:
    """Yield the source of the function or class with `new` for `old`, for each place where `old` occurs."""
    (statements, part), (others, other) = forms(old), forms(new)
    for node in ast.walk(scope):
        comparable = part and other and isinstance(part, ast.expr) == isinstance(other, ast.expr)
        if comparable and is_match(part, node, bound := {}):
            yield ast.unparse(deepcopy(scope, {id(node): filled([other], bound)[0]}))
        for value in vars(node).values():
            for at in range(len(value)) if isinstance(value, list) else ():
                end = at + len(statements)
                if is_match(statements, value[at:end], bound := {}):
                    body = [*value[:at], *filled(others, bound), *value[end:]]
                    yield ast.unparse(deepcopy(scope, {id(value): body}))


def forms(text: str) -> tuple[list[ast.stmt], ast.AST | None]:
    """Return the statements of the text, and the node if it is an expression, or an argument such as `axis=0`."""
    match statements := ast.parse(text, filename=text).body:  # a SyntaxError names the file
        case [ast.Expr(value)]:
            return statements, value
        case [ast.Assign([ast.Name(name)], value)]:
            return statements, ast.keyword(name, value)
    return statements, None


def is_match(pattern: Any, node: Any, bound: dict[str, Any]) -> bool:
    """Return whether the tree is that of the pattern; note in `bound` the expressions for `_`, `_1`, `_2`, …."""
    if isinstance(pattern, ast.Name) and re.fullmatch(r"_\d*", pattern.id) and isinstance(node, ast.expr):
        return ast.dump(bound.setdefault(pattern.id, node)) == ast.dump(node)
    if type(pattern) is not type(node):
        return False
    if isinstance(pattern, list):
        return len(pattern) == len(node) and all(is_match(*pair, bound) for pair in zip(pattern, node, strict=True))
    if isinstance(pattern, ast.AST):
        names = [name for name in pattern._fields if name != "ctx"]  # a wildcard may stand for a target
        return all(is_match(getattr(pattern, name), getattr(node, name), bound) for name in names)
    return bool(pattern == node)


def filled(trees: list[Any], bound: dict[str, Any]) -> list[Any]:
    """Return a copy of the trees with the expressions for `_`, `_1`, `_2`, …."""
    names = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in bound]
    return deepcopy(trees, {id(name): bound[name.id] for name in names})


def copied(folder: Path) -> Path:
    """Copy this checkout into the folder, with uncommitted files and a .venv of its own; return the folder."""
    shutil.copytree(ROOT, folder / "checkout", symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    subprocess.run(["make", "-s", "setup"], cwd=folder / "checkout", check=True, stdout=subprocess.DEVNULL)
    return folder


def failure(folder: Path, *options: str) -> str:
    """Run tests of the copy; return the first that fails, or how they end otherwise; "" if they pass.

    Raises RuntimeError if somebody else kills them: Ctrl-C, or a system without memory.
    """
    command = [folder / "checkout/.venv/bin/python", "-m", "pytest", "-x", "--basetemp", folder / "tests", *options]
    variables = os.environ | {"TMPDIR": str(folder), "NUMBA_CACHE_DIR": str(folder.parent / "compiled")}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=folder / "checkout", env=variables, **pipes) as tests:
        try:
            printed, _ = tests.communicate(timeout=MAY_TAKE)
        except subprocess.TimeoutExpired:
            return f"a time limit of {MAY_TAKE} s"
        finally:
            end(folder)
    if tests.returncode == -signal.SIGKILL:
        raise RuntimeError("the tests were killed")
    failed = [line.split(" ")[1] for line in printed.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return "" if tests.returncode == 0 else [*failed, f"exit {tests.returncode}"][0]


def end(folder: Path) -> None:
    """End every process that works below the folder: tests, and what they have started."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if Path(process.cwd()).is_relative_to(folder):
                process.kill()


def plant(folder: Path, share: list[tuple[str, Fault]]) -> int:
    """Plant these faults in the copy, one at a time; print what catches each, and return how many live."""
    living = 0
    for name, fault in share:
        file = folder / "checkout" / fault.file
        right = file.read_text(encoding="utf-8")
        file.write_text(fault.content, encoding="utf-8")
        test = failure(folder, fault.test, "-n", "0")
        if ALL and not test:
            test = failure(folder, *ALL)
        file.write_text(right, encoding="utf-8")
        living += not test
        print(f"{'caught' if test else 'LIVES'}: {name}: {test or 'no test'}", flush=True)
    return living


def main(work: Path, chosen: dict[str, Fault]) -> None:
    """Make the copies, run the tests without a fault, then with each."""
    began, rows = time.monotonic(), list(chosen.items())
    with ThreadPoolExecutor(COPIES) as pool:
        try:
            copies = list(pool.map(copied, [work / str(n) for n in range(COPIES)]))
            failed = failure(copies[0], *{fault.test for fault in chosen.values()})
            if failed := failed or (failure(copies[0], *ALL) if ALL else ""):
                sys.exit(f"{failed}: without a fault")
            print(f"{len(chosen)} faults; without them their tests pass", flush=True)
            living = sum(pool.map(plant, copies, [rows[n::COPIES] for n in range(COPIES)]))
        finally:
            end(work)  # after Ctrl-C: the pool waits for its tests
    print(f"{len(chosen) - living} of {len(chosen)} faults are caught; {(time.monotonic() - began) / 60:.0f} min")
    sys.exit(living > 0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = set(filter(None, os.environ.get("NAMES", "").split(",")))
    try:
        rows = faults()
    except ValueError as error:
        sys.exit(str(error))
    if unknown := names - rows.keys():
        sys.exit(f"NAMES: {min(unknown)}: not in tests/mutants.toml")
    with TemporaryDirectory(prefix="charloom-mutants-", ignore_cleanup_errors=True) as place:
        main(Path(place).resolve(), {name: row for name, row in rows.items() if not names or name in names})
