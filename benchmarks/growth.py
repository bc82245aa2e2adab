"""What grows with the text: seconds and memory of every stage, for texts of 10 MB, 100 MB and 1 GB.

`python benchmarks/growth.py FOLDER` writes benchmarks/growth.md and growth.png; `FOLDER 10 100` takes sizes in MB. The
folder takes the texts, a clone of this checkout's last commit and its results: 8 GB for 1 GB of text.

The texts are shuffled paragraphs of the novel. A stage is a whole process, and a training has few updates, since the
text does not matter to what an update takes.
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

from charloom.base.storage import read_json
from charloom.results.machine import machine
from charloom.results.records import TextMetrics
from charloom.settings.memory import training_memory
from charloom.settings.params import read_params

ROOT = Path(__file__).resolve().parent.parent
SIZES = (10, 100, 1000)  # MB
STAGES = ("prepare", "gradcheck", "train", "sample", "plot", "track")
WIDE = 5000  # characters of the larger vocabulary
FIRST = 0x4E00  # the first of them
CHANGES = {
    "updates: 100000": "updates: 2000",
    "checkpoint_every: 10000": "checkpoint_every: 1000",
    "save_every: 10000": "save_every: 1000",
    "held_out_characters: 200000": "held_out_characters: 10000",
}
COLORS = ("#0072B2", "#E69F00", "#D55E00", "#CC79A7", "#009E73", "#595959")


class Taken(NamedTuple):
    """What a stage took: seconds by the clock, seconds of processors, bytes of anonymous memory at the peak.

    own is the peak of the stage's process alone, without MLflow's, which it may start.
    """

    seconds: float
    processor: float
    peak: int
    own: int


class Estimated(NamedTuple):
    """A training's peak beside the estimate that it checks at its start, in bytes."""

    text: str
    K: int
    dtype: str
    peak: int
    estimate: int


def write_novel(path: Path, size: int, wide: bool) -> None:
    """Write so many bytes of the novel's paragraphs, shuffled; `wide` spreads them over WIDE letters."""
    paragraphs = (ROOT / "data/moby_dick.txt").read_text(encoding="utf-8").split("\n\n")
    rng, left, place = np.random.default_rng(1), size, 0
    with path.open("wb") as file:
        while left:
            text = "\n\n".join(paragraphs[i] for i in rng.permutation(len(paragraphs))) + "\n\n"
            if wide:
                points = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.int64)
                spread = FIRST + (points * 2654435761 + (place + np.arange(len(points))) * 40503) % WIDE
                text, place = spread.astype("<u4").tobytes().decode("utf-32-le"), place + len(points)
            content = text.encode()
            if len(content) > left:
                content = content[:left].decode(errors="ignore").encode().ljust(left)
                content = content.rstrip() if wide else content  # a blank would be one letter more
                left = len(content)
            file.write(content)
            left -= len(content)


def memory(process: psutil.Process) -> list[int]:
    """Return the anonymous memory of the process and of each of its children now, in bytes: no mapped files."""
    found = []
    for each in (process, *process.children(recursive=True)):
        with suppress(OSError, psutil.Error):
            status = Path(f"/proc/{each.pid}/status").read_text(encoding="ascii", errors="replace")
            found.append(1024 * sum(map(int, re.findall(r"RssAnon:\s+(\d+)", status))))  # none once it has ended
    return found


def run(project: Path, *command: str) -> Taken:
    """Return what the command takes in the project. Ends the benchmark where it fails."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "DVC_"))}
    began, peak, own = time.monotonic(), 0, 0
    process = psutil.Popen(
        [sys.executable, *command], cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    os.set_blocking(process.stdout.fileno(), False)
    said = b""
    while True:
        with suppress(psutil.Error):
            now = memory(process)
            peak, own = max(peak, sum(now)), max(own, now[0])
        said += process.stdout.read() or b""
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        time.sleep(0.01)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)}: {(said + (process.stdout.read() or b'')).decode()}")
    return Taken(time.monotonic() - began, used.ru_utime + used.ru_stime, peak, own)


def set_params(project: Path, text: str, dtype: str) -> None:
    """Write the params of a run on the text."""
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    changes = CHANGES | {"data/moby_dick.txt": f"data/{text}.txt", "dtype: float64": f"dtype: {dtype}"}
    for old, new in changes.items():
        if old not in params:
            sys.exit(f"params.yaml: no {old}")
        params = params.replace(old, new)
    (project / "params.yaml").write_text(params, encoding="utf-8")


def trained(project: Path, text: str, dtype: str, taken: Taken) -> Estimated:
    """Return the peak of the training that took this beside its estimate."""
    params, K = read_params(project / "params.yaml"), read_json(project / "metrics/prepare.json", TextMetrics).K
    return Estimated(text, K, dtype, taken.own, training_memory(params.recipe, K, 0))


def all_stages(project: Path, size: int) -> tuple[dict[str, Taken], list[Estimated]]:
    """Return what each stage takes on a text of that many MB, and the trainings on it."""
    texts, taken, estimated = (f"{size}_MB", f"{size}_MB_wide"), {}, []
    for text in texts:
        if not (project / f"data/{text}.txt").exists():
            write_novel(project / f"data/{text}.txt", size * 10**6, wide=text.endswith("wide"))
    set_params(project, texts[0], "float64")
    for stage in STAGES:
        if stage == "track":  # it records nothing where dvc.lock does not say what each stage was run with
            run(project, "-m", "dvc", "commit", "--force", "--quiet", *STAGES[:-1])
        taken[stage] = run(project, f"src/{stage}.py")
        if stage == "train":
            estimated.append(trained(project, texts[0], "float64", taken[stage]))
        print(f"{size} MB: {stage}: {taken[stage]}", flush=True)
    for text, dtype in ((texts[0], "float32"), (texts[1], "float64"), (texts[1], "float32")):
        set_params(project, text, dtype)
        if dtype == "float64":  # another text
            run(project, "src/prepare.py")
        estimated.append(trained(project, text, dtype, run(project, "src/train.py")))
        print(estimated[-1], flush=True)
    return taken, estimated


def written(taken: dict[int, dict[str, Taken]], estimated: list[Estimated]) -> str:
    """Return the page."""
    about = machine()
    lines = [
        "# What grows with the text",
        "",
        "Written by `python benchmarks/growth.py FOLDER`. Every stage is a whole process, with the kernel compiled; "
        "`train` has 2,000 updates. Seconds by the clock, of processors in brackets; MB of anonymous memory at the "
        "peak, as seen a hundred times a second, with MLflow's process where a stage starts it.",
        "",
        f"On {about['processor']}, {os.cpu_count()} cores, {about['system']}, Python {about['python']}.",
        "",
        "| stage |" + "".join(f" {size:,} MB: seconds | MB |" for size in taken),
        "|---" + "|---|---" * len(taken) + "|",
    ]
    for stage in STAGES:
        cells = [stage]
        for found in (each[stage] for each in taken.values()):
            cells += [f"{found.seconds:.1f} ({found.processor:.1f})", f"{found.peak / 1e6:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "![seconds and memory of each stage](growth.png)",
        "",
        "## The estimate that `train` checks at its start",
        "",
        "It is about that process alone.",
        "",
        "| text | K | dtype | peak, MB | estimate, MB | estimate / peak |",
        "|---|---|---|---|---|---|",
    ]
    for text, K, dtype, peak, estimate in estimated:
        size = text.split("_")[0]
        ratio = f"{estimate / peak:.2f}"
        lines.append(f"| {int(size):,} MB | {K:,} | {dtype} | {peak / 1e6:.0f} | {estimate / 1e6:.0f} | {ratio} |")
    return "\n".join([*lines, ""])


def picture(taken: dict[int, dict[str, Taken]]) -> Figure:
    """Return seconds and memory of each stage by the size of the text, all axes logarithmic."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 3.2), dpi=200, layout="constrained")
        axes = figure.subplots(1, 2)
        for panel, label, value in (
            (axes[0], "seconds of processors", lambda found: found.processor),
            (axes[1], "MB of anonymous memory, at the peak", lambda found: found.peak / 1e6),
        ):
            for stage, color in zip(STAGES, COLORS, strict=True):
                points = {size: value(each[stage]) for size, each in taken.items()}
                panel.plot([*points], [*points.values()], "o-", color=color, markersize=3, linewidth=1, label=stage)
            panel.set(xscale="log", yscale="log", xlabel="MB of text", ylabel=label)
            panel.set_xticks([*taken], [f"{size:,}" for size in taken])
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter("{x:,g}")
            panel.minorticks_off()
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(STAGES))
    return figure


def main(folder: str, *sizes: str) -> None:
    """Run all, and write the page and the picture."""
    project = Path(folder).resolve() / "project"
    shutil.rmtree(project, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(project)], check=True)
    taken, estimated = {}, []
    set_params(project, "moby_dick", "float64")
    for stage in STAGES[:-1]:  # compiles
        run(project, f"src/{stage}.py")
    set_params(project, "moby_dick", "float32")
    run(project, "src/train.py")
    for size in map(int, sizes or SIZES):
        taken[size], more = all_stages(project, size)
        estimated += more
    (ROOT / "benchmarks/growth.md").write_text(written(taken, estimated), encoding="utf-8")
    (ROOT / "benchmarks/growth.png").write_bytes(png(picture(taken)))


if __name__ == "__main__":
    main(*sys.argv[1:])
