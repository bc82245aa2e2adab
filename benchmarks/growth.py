"""Measure seconds and memory of each stage for texts of 10 MB, 100 MB and 1 GB.

`python benchmarks/growth.py FOLDER` writes benchmarks/growth.md and growth.png; `FOLDER 10 100` takes sizes in MB. The
folder will contain the texts, a clone of this checkout's last commit, and its results: 8 GB for 1 GB of text.

The texts are shuffled paragraphs of the novel. A stage is a whole process. A training has few updates, because the time
of an update does not depend on the text.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import psutil
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from printed import STYLE, png

from charloom.core.base.storage import read_json
from charloom.core.config.pipeline import Project
from charloom.core.config.reading import read_params
from charloom.core.config.records import TextMetrics
from charloom.core.runtime.memory import training_memory
from charloom.core.runtime.provenance import machine

ROOT = Path(__file__).resolve().parent.parent
SIZES = (10, 100, 1000)  # MB
STAGES = tuple(Project(ROOT).stages())
WIDE = 5000  # characters of the larger vocabulary
FIRST = 0x4E00  # code point of the first of these characters
CHANGES = {
    "updates: 100000": "updates: 2000",
    "checkpoint_every: 10000": "checkpoint_every: 1000",
    "save_every: 10000": "save_every: 1000",
    "held_out_characters: 200000": "held_out_characters: 10000",
}
COLORS = ("#0072B2", "#E69F00", "#D55E00", "#CC79A7", "#009E73", "#595959")


class Usage(NamedTuple):
    """The time and memory of a process with its children.

    seconds   wall time
    cpu       CPU seconds
    peak      peak of anonymous memory, in bytes
    own_peak  the same of the process without children, such as MLflow's process
    """

    seconds: float
    cpu: float
    peak: int
    own_peak: int


class Estimate(NamedTuple):
    """The peak of a training's process, and the estimate that `train` checks at its start, in bytes."""

    text: str
    K: int
    dtype: str
    peak: int
    estimate: int


def write_novel(path: Path, size: int, wide: bool) -> None:
    """Write about `size` bytes of shuffled paragraphs of the novel; if `wide`, map the text to WIDE characters."""
    paragraphs = (ROOT / "data/moby_dick.txt").read_text(encoding="utf-8").split("\n\n")
    rng, left, position = np.random.default_rng(1), size, 0
    with path.open("wb") as file:
        while left:
            text = "\n\n".join(paragraphs[i] for i in rng.permutation(len(paragraphs))) + "\n\n"
            if wide:
                points = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.int64)
                spread = FIRST + (points * 2654435761 + (position + np.arange(len(points))) * 40503) % WIDE
                text, position = spread.astype("<u4").tobytes().decode("utf-32-le"), position + len(points)
            content = text.encode()
            if len(content) > left:
                content = content[:left].decode(errors="ignore").encode().ljust(left)
                content = content.rstrip() if wide else content  # a blank would be one more character of the vocabulary
                left = len(content)
            file.write(content)
            left -= len(content)


def memory(process: psutil.Process) -> list[int]:
    """Return the anonymous memory (without mapped files) of the process and of each child, in bytes."""
    sizes = []
    for member in (process, *process.children(recursive=True)):
        with suppress(OSError, psutil.Error):
            status = Path(f"/proc/{member.pid}/status").read_text(encoding="ascii", errors="replace")
            # After the process has ended, its status has no such line.
            sizes.append(1024 * sum(map(int, re.findall(r"RssAnon:\s+(\d+)", status))))
    return sizes


def run(project: Path, *command: str) -> Usage:
    """Run the command in the project and return its usage. Exit with its output if it fails."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "DVC_"))}
    began, peak, own_peak = time.monotonic(), 0, 0
    process = psutil.Popen(
        [sys.executable, *command], cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    os.set_blocking(process.stdout.fileno(), False)
    output = b""
    while True:
        with suppress(psutil.Error):
            now = memory(process)
            peak, own_peak = max(peak, sum(now)), max(own_peak, now[0])
        output += process.stdout.read() or b""
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        time.sleep(0.01)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)}: {(output + (process.stdout.read() or b'')).decode()}")
    return Usage(time.monotonic() - began, used.ru_utime + used.ru_stime, peak, own_peak)


def set_params(project: Path, text: str, dtype: str) -> None:
    """Write params.yaml for a run on the text with this dtype. Exit if params.yaml lacks an expected line."""
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    changes = CHANGES | {"data/moby_dick.txt": f"data/{text}.txt", "dtype: float64": f"dtype: {dtype}"}
    for old, new in changes.items():
        if old not in params:
            sys.exit(f"params.yaml: no {old}")
        params = params.replace(old, new)
    (project / "params.yaml").write_text(params, encoding="utf-8")


def estimate(project: Path, text: str, dtype: str, usage: Usage) -> Estimate:
    """Return the peak of a training with this usage, and the estimate of its memory."""
    params, K = read_params(project / "params.yaml"), read_json(project / "metrics/prepare.json", TextMetrics).K
    return Estimate(text, K, dtype, usage.own_peak, training_memory(params.recipe, K, 0))


def all_stages(project: Path, size: int) -> tuple[dict[str, Usage], list[Estimate]]:
    """Run all stages on a text of `size` MB; return their usages and the estimates of four trainings."""
    texts, usages, estimates = (f"{size}_MB", f"{size}_MB_wide"), {}, []
    for text in texts:
        if not (project / f"data/{text}.txt").exists():
            write_novel(project / f"data/{text}.txt", size * 10**6, wide=text.endswith("wide"))
    set_params(project, texts[0], "float64")
    for stage in STAGES:
        if stage == "track":  # without a current dvc.lock it records nothing
            run(project, "-m", "dvc", "commit", "--force", "--quiet", *STAGES[:-1])
        usages[stage] = run(project, f"src/{stage}.py")
        if stage == "train":
            estimates.append(estimate(project, texts[0], "float64", usages[stage]))
        print(f"{size} MB: {stage}: {usages[stage]}", flush=True)
    for text, dtype in ((texts[0], "float32"), (texts[1], "float64"), (texts[1], "float32")):
        set_params(project, text, dtype)
        if dtype == "float64":  # the first training on the other text
            run(project, "src/prepare.py")
        estimates.append(estimate(project, text, dtype, run(project, "src/train.py")))
        print(estimates[-1], flush=True)
    return usages, estimates


def page(usages: dict[int, dict[str, Usage]], estimates: list[Estimate]) -> str:
    """Return the text of growth.md."""
    about = machine()
    lines = [
        "# Time and memory by size of the text",
        "",
        "Written by `python benchmarks/growth.py FOLDER`. Each stage is a whole process with a compiled kernel; "
        "`train` makes 2,000 updates. *Seconds* are wall time, with CPU seconds in parentheses. *MB* is the peak of "
        "anonymous memory, sampled a hundred times per second. It includes MLflow's process if the stage starts it.",
        "",
        f"On {about['processor']}, {os.cpu_count()} cores, {about['system']}, Python {about['python']}.",
        "",
        "| stage |" + "".join(f" {size:,} MB: seconds | MB |" for size in usages),
        "|---" + "|---|---" * len(usages) + "|",
    ]
    for stage in STAGES:
        cells = [stage]
        for usage in (stages[stage] for stages in usages.values()):
            cells += [f"{usage.seconds:.1f} ({usage.cpu:.1f})", f"{usage.peak / 1e6:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "![seconds and memory of each stage](growth.png)",
        "",
        "## The estimate that `train` checks at its start",
        "",
        "The peak and the estimate are those of the process of `train` alone.",
        "",
        "| text | K | dtype | peak, MB | estimate, MB | estimate / peak |",
        "|---|---|---|---|---|---|",
    ]
    for text, K, dtype, peak, estimated in estimates:
        size = text.split("_")[0]
        ratio = f"{estimated / peak:.2f}"
        lines.append(f"| {int(size):,} MB | {K:,} | {dtype} | {peak / 1e6:.0f} | {estimated / 1e6:.0f} | {ratio} |")
    return "\n".join([*lines, ""])


def picture(usages: dict[int, dict[str, Usage]]) -> Figure:
    """Return the figure of CPU seconds and memory of each stage by size of the text; all axes are logarithmic."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 3.2), dpi=200, layout="constrained")
        axes = figure.subplots(1, 2)
        for panel, label, value in (
            (axes[0], "seconds of processors", lambda usage: usage.cpu),
            (axes[1], "MB of anonymous memory, at the peak", lambda usage: usage.peak / 1e6),
        ):
            for stage, color in zip(STAGES, COLORS, strict=True):
                points = {size: value(stages[stage]) for size, stages in usages.items()}
                panel.plot([*points], [*points.values()], "o-", color=color, markersize=3, linewidth=1, label=stage)
            panel.set(xscale="log", yscale="log", xlabel="MB of text", ylabel=label)
            panel.set_xticks([*usages], [f"{size:,}" for size in usages])
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter("{x:,g}")
            panel.minorticks_off()
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(STAGES))
    return figure


def main(folder: str, *sizes: str) -> None:
    """Run all stages on texts of all sizes; write the page and the picture."""
    project = Path(folder).resolve() / "project"
    shutil.rmtree(project, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(project)], check=True)
    usages, estimates = {}, []
    set_params(project, "moby_dick", "float64")
    for stage in STAGES[:-1]:  # compiles the kernel
        run(project, f"src/{stage}.py")
    set_params(project, "moby_dick", "float32")
    run(project, "src/train.py")
    for size in map(int, sizes or SIZES):
        usages[size], more = all_stages(project, size)
        estimates += more
    (ROOT / "benchmarks/growth.md").write_text(page(usages, estimates), encoding="utf-8")
    (ROOT / "benchmarks/growth.png").write_bytes(png(picture(usages)))


if __name__ == "__main__":
    main(*sys.argv[1:])
