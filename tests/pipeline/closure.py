"""What a stage's script imports of this project, directly and through others, also inside functions."""

import ast
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2] / "src"


def imported(path: Path) -> set[str]:
    """Return the dotted names that the file imports, anywhere in it; of `from a import b` both a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def closure(script: Path) -> set[Path]:
    """Return the script and every project module that importing it executes, packages' __init__ included."""
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in imported(path):
            parts = name.split(".")
            for depth in range(1, len(parts) + 1):
                module = SOURCES.joinpath(*parts[:depth])
                waiting += [each for each in (module.with_suffix(".py"), module / "__init__.py") if each.is_file()]
    return seen
