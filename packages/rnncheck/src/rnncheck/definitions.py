"""Load a program without running it: imports, functions, classes and constants are executed, statement by statement.

A name that a left-out statement would have bound stays undefined, and the error of its use says so.
"""

import __future__

import ast
import importlib
import json
import os
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

HARMLESS = """np.finfo numpy.finfo np.dtype np.array numpy.array np.zeros np.ones np.eye np.sqrt np.log namedtuple
np.random.default_rng collections.namedtuple float int str dict list set tuple range len sum min max""".split()  # noqa: SIM905
DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Pass)
ANNOTATIONS = __future__.annotations.compiler_flag  # an annotation may use a name that is left out


def is_kept(node: ast.stmt) -> bool:
    """Return whether the statement only imports, defines, or binds constants."""
    if isinstance(node, ast.If | ast.Try):
        nested = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
        nested += [child for handler in getattr(node, "handlers", ()) for child in handler.body]
        return all(map(is_kept, nested)) and not (isinstance(node, ast.If) and _calls(node.test))
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return not (node.value and _calls(node.value))
    return isinstance(node, DEFINITIONS) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _calls(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Call) and ast.unparse(n.func) not in HARMLESS for n in ast.walk(node))


def _parsed(source: str | bytes, label: str) -> ast.Module:
    """Return the syntax tree. Raises SyntaxError, also for null bytes (before Python 3.11.4 a ValueError)."""
    try:
        return ast.parse(source, label)
    except ValueError as error:
        raise SyntaxError(str(error)) from None


def _bound(node: ast.stmt) -> set[str]:
    """Return the names that the statement binds."""
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    names |= {(n.asname or n.name).split(".")[0] for n in ast.walk(node) if isinstance(n, ast.alias)}
    return names | {n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef | ast.ClassDef)}


class Program:
    """The program in the current folder, and the modules beside it: a finder and loader of Python's import system."""

    def __init__(self, file: str, mapped: str) -> None:
        """Store the names of the program and of its map, "" if it has none."""
        self.folder, self.mapped = Path.cwd(), mapped
        self.file = self.folder / file
        self.left_out: dict[str | None, str] = {}  # the reason, by name

    def find_spec(self, name: str, path: Any = None, _target: Any = None) -> ModuleSpec | None:
        """Return the spec of a module in the folder; None leaves it to Python."""
        file = Path(path[0] if path else self.folder, f"{name.rpartition('.')[2]}.py")
        file = self.file if name == "student" else file
        inside = file.is_relative_to(self.folder) and file.exists() and file.name != self.mapped
        return ModuleSpec(name, self, origin=str(file)) if inside else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave the creation to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Execute what defines. Raises SyntaxError if the file is not valid Python 3."""
        module.__file__ = str(module.__spec__ and module.__spec__.origin)
        for label, source in cells(Path(module.__file__)):
            for node in _parsed(source, label).body:
                reason = (
                    f"{label}, line {node.lineno} would bind it, and grade does not run that line: set it in map.py"
                )
                try:
                    if is_kept(node):
                        reason = ""
                        code = compile(ast.Module([node], []), label, "exec", ANNOTATIONS, dont_inherit=True)
                        exec(code, module.__dict__)  # noqa: S102  that is what grade is for
                except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a definition raises
                    reason = f"{label}, line {node.lineno}: {self.message(error)}"
                self.left_out |= dict.fromkeys(_bound(node), reason) if reason else {}

    def load(self, guess: str | None = None) -> dict[str, Any]:
        """Load program and map afresh; return the names of both, those of the map last. `guess` replaces the map."""
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(str(self.folder)):
                del sys.modules[name]
        self.left_out.clear()
        os.chdir(self.folder)  # an earlier call may have left it
        student = importlib.import_module("student")
        sys.modules.setdefault(self.file.stem, student)
        mapped = sys.modules["map"] = ModuleType("map")
        if self.mapped or guess:
            mapped.__file__ = str(self.folder / (self.mapped or "map.py"))
            source = guess or Path(self.mapped).read_bytes()
            exec(compile(source, Path(mapped.__file__).name, "exec"), mapped.__dict__)  # noqa: S102
        return vars(student) | vars(mapped)

    def message(self, error: BaseException) -> str:
        """Return the error in a line, with the reason if it is about a name that was left out."""
        if isinstance(error, SyntaxError):
            place = f"{error.filename}, line {error.lineno}" if error.filename else self.file.name
            return f"{place}: not valid Python 3: {error.msg}"
        name = getattr(error, "name", None)
        if name in self.left_out and isinstance(error, NameError | AttributeError | ImportError):
            return f"{name} is not defined: {self.left_out[name]}"
        return " ".join(f"{type(error).__name__}: {error}".split())[:300]

    def where(self, error: BaseException) -> str:
        """Return the line of the program or its map in which the error arose: `my_rnn.py, line 3: `."""
        trace, found = error.__traceback__, ""
        while trace:
            file = trace.tb_frame.f_code.co_filename.removeprefix(f"{self.folder}/")
            found = found if file.startswith(("/", "<")) else f"{file}, line {trace.tb_lineno}: "
            trace = trace.tb_next
        return found


def cells(file: Path) -> list[tuple[str, str | bytes]]:
    """Return the name and source of the file, or of each code cell of a notebook, with magics as empty lines."""
    if file.suffix != ".ipynb":
        return [(file.name, file.read_bytes())]  # the parser reads its encoding
    try:
        texts = ["".join(c["source"]) for c in json.loads(file.read_bytes())["cells"] if c["cell_type"] == "code"]
    except (ValueError, LookupError, TypeError):
        raise ValueError(f"{file.name} is not a notebook of nbformat 4") from None
    texts = ["" if t.startswith("%%") and not t.startswith(("%%time", "%%capture")) else t for t in texts]
    lines = [["" if line.lstrip()[:1] in {"%", "!", "?"} else line for line in text.split("\n")] for text in texts]
    return [(f"{file.name}, cell {n}", "\n".join(cell)) for n, cell in enumerate(lines, 1)]
