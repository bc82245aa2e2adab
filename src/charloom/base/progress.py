"""Progress of a long stage: a bar with the remaining time on a terminal, otherwise a plain line every ten seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

SECONDS_BETWEEN_LINES = 10.0


Report = Callable[[int, str], None]


def duration(seconds: float) -> str:
    """Return `45 s`, `12 min` or `3.5 h`."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"


@contextmanager
def progress(name: str, total: int, *, expected: float | None = None, stderr: bool = False) -> Iterator[Report]:
    """Show progress in a `with` block; yield the function report(done, note), where `note` is shown after the numbers.

    total     units of work
    expected  estimate in seconds for all the work, used until the first unit is done; None shows no estimate then
    stderr    write to stderr, for commands whose stdout is a result
    """
    console = Console(stderr=stderr)
    started = last = time.monotonic()
    before: int | None = None

    def left(done: int) -> str:
        nonlocal before
        before = done if before is None else before
        took = time.monotonic() - started
        if done > before:
            return f"about {duration(took * (total - done) / (done - before))} left"
        return "" if expected is None else f"about {duration(max(expected - took, 1.0))} left"

    def line(done: int, note: str) -> None:
        nonlocal last
        about, now = left(done), time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES and about and done < total:
            last = now
            print(f"{name}: {done:,} of {total:,}  {about}  {note}", file=console.file, flush=True)

    if not console.is_terminal:
        yield line
        return
    columns = (
        TextColumn(name),
        BarColumn(20),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}  {task.fields[note]}"),
    )
    with Progress(*columns, console=console) as bar:
        console.show_cursor(True)  # rich hides the cursor, and a signal may end the process before rich shows it again
        task = bar.add_task(name, total=total, note="", left="")
        yield lambda done, note: bar.update(task, completed=done, note=note, left=left(done))
