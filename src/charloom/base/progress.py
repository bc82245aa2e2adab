"""Progress of a long stage: a bar with the remaining time on a terminal, otherwise a plain line every ten seconds."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

SECONDS_BETWEEN_LINES = 10.0
LEAST_PART = 0.1  # fraction of a unit from which on its duration can be estimated: a start takes some seconds


Report = Callable[[float, str], None]


def duration(seconds: float) -> str:
    """Return the duration as `45 s`, `12 min` or `3.5 h`; the unit depends on its length."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"


@contextmanager
def progress(
    name: str, total: int, *, before: int = 0, expected: float | None = None, jobs: int = 1, stderr: bool = False
) -> Iterator[Report]:
    """Show progress in a `with` block; yield the function report(done, note), where `note` is shown after the numbers.

    name      the first words of the line or bar
    total     units of work; `done` counts them, with the finished fractions of units that are under way
    before    units that were done before the start, such as the updates of a resumed training
    expected  estimate in seconds for all the work, used until the first unit is done; None shows no estimate until then
    jobs      units that are worked on at the same time
    stderr    write to stderr, for commands whose stdout is a result

    Estimate of the remaining time: the work is done in rounds of `jobs` units. A round takes as long as the average of
    the earlier rounds, but at least as long as it has taken already. So the estimate does not jump when the first unit
    is done. The first round takes as long as its finished fraction predicts, if that is LEAST_PART or more, and
    otherwise as long as expected.
    """
    console = Console(stderr=stderr)
    started = last = time.monotonic()
    latest = 0, 0.0  # units done since the start, and the seconds until then

    def left(done: float) -> str:
        nonlocal latest
        took = time.monotonic() - started
        if math.floor(done) - before > latest[0]:
            latest = math.floor(done) - before, took
        rounds, (count, seconds) = math.ceil((total - before) / jobs), latest
        if count:
            per_round = seconds / math.ceil(count / jobs)
        elif (part := (done - before) / min(jobs, total - before or 1)) >= LEAST_PART:
            per_round = took / part
        elif expected is not None:
            per_round = expected / rounds
        else:
            return ""
        per_round = max(per_round, took / math.ceil((count + 1) / jobs))
        return f"about {duration(max(per_round * rounds - took, 1.0))} left"

    def line(done: float, note: str) -> None:
        nonlocal last
        about, now = left(done), time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES and about and done < total:
            last = now
            print(f"{name}: {math.floor(done):,} of {total:,}  {about}  {note}", file=console.file, flush=True)

    if not console.is_terminal:
        yield line
        return
    columns = (
        TextColumn(name),
        BarColumn(20),
        TextColumn("{task.fields[count]} of {task.total:,.0f}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}  {task.fields[note]}"),
    )
    with Progress(*columns, console=console) as bar:
        console.show_cursor(True)  # rich hides the cursor, and a signal may end the process before rich shows it again
        task = bar.add_task(name, total=total, count="0", note="", left="")

        def update(done: float, note: str) -> None:
            bar.update(task, completed=done, count=f"{math.floor(done):,}", note=note, left=left(done))

        yield update
