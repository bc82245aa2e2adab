"""How far a long stage has come: a bar with an estimate on a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 10.0


Report = Callable[[int, str], None]


@contextmanager
def progress(name: str, total: int, *, stderr: bool = False) -> Iterator[Report]:
    """Give a function to call with the work done so far, out of `total`, and a note to show beside it.

    `stderr` is for commands whose stdout is a result.
    """
    console = Console(stderr=stderr)
    started = last = time.monotonic()
    before: int | None = None

    def line(done: int, note: str) -> None:
        nonlocal last, before
        before = done if before is None else before
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES and 0 < done < total:
            last = now
            left = (now - started) * (total - done) / max(done - before, 1)
            print(f"{name}: {done:,} of {total:,}  {note}  about {left:.0f} s left", file=console.file, flush=True)

    if not console.is_terminal:
        yield line
        return
    columns = (
        TextColumn(name),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}  {task.fields[note]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        console.show_cursor(True)  # the library hides it, and a signal may end the process before it is back
        task = bar.add_task(name, total=total, note="")
        yield lambda done, note: bar.update(task, completed=done, note=note)
