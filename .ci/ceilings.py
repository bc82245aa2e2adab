"""Lines of code of each room beside its ceiling in pyproject.toml: no blanks, no comments, no docstrings.

A room above its ceiling fails `make check`. Raising one takes a sentence in the commit.
"""

import ast
import sys
import tokenize
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code(path: Path) -> int:
    """Return how many lines of the file hold code."""
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            docstrings.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    with tokenize.open(path) as file:
        tokens = [token for token in tokenize.generate_tokens(file.readline) if token.type not in NO_CODE]
    lines = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    return len(lines - docstrings)


def main() -> None:
    """Print each room; exit 1 where one is above its ceiling, or has none."""
    ceilings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["charloom"]["ceilings"]
    found: Counter[str] = Counter()
    for path in (ROOT / "src").rglob("*.py"):
        *rooms, _ = path.relative_to(ROOT / "src").parts
        found["/".join(rooms[:2]) or "stages"] += code(path)
    above = sorted(room for room, lines in found.items() if lines > ceilings.get(room, 0))
    for room in above:
        print(f"{room}: {found[room]} lines of code, its ceiling is {ceilings.get(room, 'not there')}")
    print(f"{found.total():,} lines of code in {len(found)} rooms, {len(above)} above their ceilings")
    sys.exit(bool(above))


if __name__ == "__main__":
    main()
