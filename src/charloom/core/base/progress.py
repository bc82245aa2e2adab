"""Progress of a long stage: a bar with the remaining time on a terminal, otherwise a plain line every ten seconds."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

SECONDS_BETWEEN_LINES = 10.0
LEAST_PART = 0.1  # finished part of a unit from which on the rate is known: a start takes some seconds


ProgressCallback = Callable[[float, str], None]


def duration(seconds: float) -> str:
    """Return the duration as `45 s`, `12 min` or `3.5 h`; the unit depends on its length."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"


@contextmanager
def progress(name: str, total: int, *, before: int = 0, stderr: bool = False) -> Iterator[ProgressCallback]:
    """Show progress in a `with` block; yield the function report(done, note), where `note` is shown after the numbers.

    name    the first words of the line or bar
    total   number of units of work, such as updates; `done` is the number of finished units, with fractions
    before  number of units that were done before the start, such as the earlier updates of a resumed training
    stderr  whether to write to stderr instead of stdout: for commands whose stdout is a result

    The remaining time is estimated from the rate of the units that were finished since the start.
    """
    console = Console(stderr=stderr)
    started = last = time.monotonic()

    def report(done: float, note: str) -> None:
        nonlocal last
        now, left = time.monotonic(), ""
        if done - before >= LEAST_PART:
            left = f"about {duration(max((now - started) * (total - done) / (done - before), 1.0))} left"
        bar.update(task, completed=done, note=f"{left}  {note}")
        if not console.is_terminal and now - last >= SECONDS_BETWEEN_LINES and left and done < total:
            last = now
            print(f"{name}: {math.floor(done):,} of {total:,}  {left}  {note}", file=console.file, flush=True)

    columns = TextColumn(name), BarColumn(20), MofNCompleteColumn(" of "), TimeElapsedColumn()
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=console, disable=not console.is_terminal) as bar:
        console.show_cursor(True)  # rich hides the cursor, and a signal may end the process before rich shows it again
        task = bar.add_task(name, total=total, note="")
        yield report
