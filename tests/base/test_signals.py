"""A signal ends a program at once, and inside training waits for its end."""

import os
import signal
import subprocess
import sys

import pytest

from charloom.core.base.signals import SIGNALS, deferred

AT_ONCE = """
import os, signal, sys
from charloom.core.base.signals import deferred, end_at_once
number = int(sys.argv[1])
end_at_once()
with deferred() as received:
    os.kill(os.getpid(), number)
    print("inside:", *received, flush=True)
    if "twice" in sys.argv:
        os.kill(os.getpid(), number)
        print("went on")
os.kill(os.getpid(), number)
print("went on")
"""


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("times", ["once", "twice"])
def test_the_system_ends_the_program_outside_and_at_the_second_signal_inside(number, times):
    command = [sys.executable, "-c", AT_ONCE, str(int(number)), times]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == (f"inside: {int(number)}\n", "", -number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_deferred_signal_is_noted_and_the_handler_of_before_comes_back(number):
    before = [signal.getsignal(each) for each in SIGNALS]
    with deferred() as received:
        assert received == []
        os.kill(os.getpid(), number)
    assert received == [number]
    assert [signal.getsignal(each) for each in SIGNALS] == before
