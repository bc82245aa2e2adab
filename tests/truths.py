"""Print the truths that the tests state, one line for each test, by folder.

python tests/truths.py             # of all folders
python tests/truths.py tests/study packages/seedpairs
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def truths(file: Path) -> Iterator[str]:
    """Yield the name of each test in the file, in words; slow tests, which `make test` leaves out, have a mark."""
    for node in ast.parse(file.read_bytes()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            slow = "all" in file.parts or any("slow" in ast.unparse(each) for each in node.decorator_list)
            yield node.name.removeprefix("test_").replace("_", " ") + (" (slow)" if slow else "")


def main() -> None:
    """Print the truths of the folders in the command line, or of all."""
    for folder in map(Path, sys.argv[1:] or (ROOT / "tests", ROOT / "packages")):
        if not folder.is_dir():
            sys.exit(f"{folder}: no folder of tests; allowed are `tests`, `packages` and the folders in them")
        for file in sorted(folder.rglob("test_*.py")):
            print(f"\n{file.resolve().relative_to(ROOT)}")
            print(*(f"  {truth}" for truth in truths(file)), sep="\n")


if __name__ == "__main__":
    main()
