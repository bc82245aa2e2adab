"""Every source file with the first sentence of its docstring: `python docs/map.py > docs/map.md`. A test compares."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ORDER = (  # from the lowest package up, as in CONTRIBUTING.md
    "groundwork", *(f"charloom/core/{name}" for name in ("base", "network", "settings", "runtime", "kernel", "text")),
    "charloom/core/backend", "charloom/core/model", "charloom/core/training", "charloom/grading", "charloom/checking",
    "charloom/sampling", "charloom/results",
    "charloom/signature", "charloom/study", "charloom/pages", "charloom/tracking", "charloom/proof",
    "charloom/commands", "paired", "dvc_summary", "dvc_verify", "",
)  # fmt: skip


READING = (  # the way through a training
    "params.yaml", "dvc.yaml", *(f"src/charloom/core/network/{name}.py" for name in ("rnn", "adagrad", "recipe")),
    "src/charloom/core/training/loop.py", "src/train.py", "src/sample.py",
)  # fmt: skip


def sentence(path: Path) -> str:
    """Return the first sentence of the file's docstring, in one line."""
    first = (ast.get_docstring(ast.parse(path.read_bytes())) or "").partition("\n\n")[0]
    return re.split(r"(?<=[.]) ", " ".join(first.split()))[0].rstrip(".:")


def page() -> str:
    """Return the page: a heading for each package, with its own sentence, and a line for each file."""
    first = " → ".join(f"[`{Path(name).name}`](../{name})" for name in READING)
    lines = ["# The source files", "", "Written by `python docs/map.py > docs/map.md`.", ""]
    lines += [f"Read these eight files first: {first}.", ""]
    for name in ORDER:
        folder = ROOT / "src" / name
        about = sentence(folder / "__init__.py") if name else "The stages"
        lines += [f"## `{folder.relative_to(ROOT)}`", "", f"{about}.", ""]
        files = sorted(folder.rglob("*.py") if name else folder.glob("*.py"))
        rows = [file for file in files if file.name not in {"__init__.py", "__main__.py"}]
        lines += [f"- [`{file.relative_to(folder)}`](../{file.relative_to(ROOT)}): {sentence(file)}" for file in rows]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
