"""Limits that the system sets to a process, in tests."""

import resource
import threading
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def _limited(kind, size):
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


def files_of_at_most(size):
    """Let the system refuse a write beyond so many bytes of a file, as a full disk does."""
    return _limited(resource.RLIMIT_FSIZE, size)


@contextmanager
def threads_of_at_most(count):
    """Let the system refuse more than so many further threads: it has no memory for their stacks. Linux only."""
    stack = 2**30  # bytes; half of one is left for everything else
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = threading.stack_size(stack)
    try:
        with _limited(resource.RLIMIT_AS, used + count * stack + stack // 2):
            yield
    finally:
        threading.stack_size(before)
