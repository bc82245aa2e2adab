"""Limits that the system sets to a process, in tests."""

import resource
from contextlib import contextmanager


@contextmanager
def files_of_at_most(size):
    """Let the system refuse a write beyond so many bytes of a file, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
