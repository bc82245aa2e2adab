"""A process is told from another one that has its number."""

import subprocess
import sys

from projects import until

from charloom.core.runtime.provenance import process, process_ended


def test_a_process_that_has_ended_is_gone_and_one_at_work_is_not():
    code = "from charloom.core.runtime.provenance import process; print(process(), flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    name = child.stdout.readline().strip()
    assert not process_ended(name)
    assert not process_ended(process())
    child.kill()
    until(lambda: process_ended(name))  # before its parent has asked for it
    child.communicate()
    assert process_ended(name)


def test_a_number_that_another_process_has_by_now_is_no_sign_of_life():
    host, pid, started = process().split(" ")
    assert process_ended(f"{host} {pid} {float(started) - 100}")


def test_nothing_is_known_of_another_host_or_a_malformed_name():
    host, pid, _ = process().split(" ")
    names = "", f"elsewhere {pid} 0.0", "none", host, f"{host} {pid}", f"{host} one 0.0", f"{host} {pid} today"
    assert not any(map(process_ended, names))
