"""Count the lines of code of each package, without blanks, comments and docstrings; compare with pyproject.toml.

A package above its ceiling fails `make check`. A commit that raises a ceiling says why.
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
    """Return the number of lines of code in the file."""
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            docstrings.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    with tokenize.open(path) as file:
        tokens = [token for token in tokenize.generate_tokens(file.readline) if token.type not in NO_CODE]
    lines = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    return len(lines - docstrings)


def main() -> None:
    """Print the packages above their ceilings, and the total. Exit with 1 if there is such a package."""
    ceilings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["charloom"]["ceilings"]
    lines_of: Counter[str] = Counter()
    for path in (ROOT / "src").rglob("*.py"):
        *folders, _ = path.relative_to(ROOT / "src").parts
        lines_of["/".join(folders[:2]) or "stages"] += code(path)
    above = sorted(package for package, lines in lines_of.items() if lines > ceilings.get(package, 0))
    for package in above:
        print(f"{package}: {lines_of[package]} lines of code, its ceiling is {ceilings.get(package, 'not there')}")
    print(f"{lines_of.total():,} lines of code in {len(lines_of)} packages, {len(above)} above their ceilings")
    sys.exit(bool(above))


if __name__ == "__main__":
    main()
