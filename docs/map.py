"""Every source file with the first sentence of its docstring: `python docs/map.py > docs/map.md`. A test compares."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ORDER = (  # from the lowest package up, as in CONTRIBUTING.md
    *(f"src/charloom/core/{name}" for name in ("base", "network", "config", "runtime", "kernel", "text", "backend")),
    *(f"src/charloom/{name}" for name in ("core/model", "core/training", "checking", "sampling", "results")),
    *(f"src/charloom/{name}" for name in ("signature", "study", "pages", "study_pages", "tracking")),
    "src/charloom/proof", "src/charloom/two_runs", "src/charloom/commands",
    "packages/seedpairs/src/seedpairs", "packages/dvc-proof/src/dvc_proof", "packages/rnncheck/src/rnncheck", "src",
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
        folder, package = ROOT / name, (ROOT / name / "__init__.py").exists()
        about = sentence(folder / "__init__.py") if package else "The stages"
        lines += [f"## `{folder.relative_to(ROOT)}`", "", f"{about}.", ""]
        files = sorted(folder.rglob("*.py") if package else folder.glob("*.py"))
        rows = [file for file in files if file.name not in {"__init__.py", "__main__.py"}]
        lines += [f"- [`{file.relative_to(folder)}`](../{file.relative_to(ROOT)}): {sentence(file)}" for file in rows]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
