"""Patterns of hard prose in src, beside their ceilings in pyproject.toml: `make check` fails above one.

names       variables and arguments that say nothing, such as `each`
docstrings  sentences that begin with a fronted genitive or a headless clause, and docstrings that begin with a pronoun
"""

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES = {"each", "found", "said", "made", "kept", "there", "told"}
SENTENCE = re.compile(r"(?<=[.:;])\s+")
HARD, PRONOUN = re.compile(r"(Of|Who|What|Whoever|Whatever|Where)\b"), re.compile(r"(It|They|That|Those)\b")


def patterns(path: Path) -> dict[str, list[str]]:
    """Return what the file has of each kind, with the place of each."""
    matches: dict[str, list[str]] = {"names": [], "docstrings": []}
    for node in ast.walk(ast.parse(path.read_bytes())):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) if name in NAMES:
                matches["names"].append(f"{path.relative_to(ROOT)}:{node.lineno}: {name}")
            case ast.Module() | ast.ClassDef() | ast.FunctionDef():
                for n, sentence in enumerate(SENTENCE.split(ast.get_docstring(node) or "")):
                    if HARD.match(sentence) or (n == 0 and PRONOUN.match(sentence)):
                        matches["docstrings"].append(f"{path.relative_to(ROOT)}: {' '.join(sentence.split())}")
    return matches


def main() -> None:
    """Print the patterns of a kind that is above its ceiling, and exit 1 then."""
    ceilings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["charloom"]["patterns"]
    files = [patterns(path) for path in sorted((ROOT / "src").rglob("*.py"))]
    above = False
    for kind, ceiling in ceilings.items():
        places = [place for matches in files for place in matches[kind]]
        if len(places) > ceiling:
            above = True
            print("\n".join(places))
        print(f"{kind}: {len(places)} patterns of hard prose, the ceiling is {ceiling}")
    sys.exit(above)


if __name__ == "__main__":
    main()
