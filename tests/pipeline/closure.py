"""What a stage's script imports of this project, directly and through others."""

import ast
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent / "src"


def closure(script: Path) -> set[Path]:
    """Return the script and every project module that importing it executes, packages' __init__ included."""
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            for name in names:
                parts = name.split(".")
                if (SOURCES / parts[0]).is_dir():
                    waiting += [
                        found
                        for depth in range(1, len(parts) + 1)
                        for found in (
                            SOURCES.joinpath(*parts[:depth]).with_suffix(".py"),
                            SOURCES.joinpath(*parts[:depth], "__init__.py"),
                        )
                        if found.is_file()
                    ]
    return seen
