"""A training that does not fit into memory is refused before any of it is allocated."""

import subprocess
import sys

import psutil
import pytest
from projects import TEXT
from recipes import recipe

from charloom.core.base.errors import Unavailable
from charloom.core.config.reading import read_params
from charloom.core.network.rnn import size
from charloom.core.runtime.memory import PROCESS, check_memory, group_limits, training_memory

TRAIN = """
import re, train
from charloom.core.runtime.inputs import Inputs
train.main(Inputs("train"))
kilobytes = dict(re.findall(r"(\\w+):\\s+(\\d+) kB", open("/proc/self/status").read()))
print("peak", 1024 * (int(kilobytes["VmHWM"]) - int(kilobytes["RssFile"]) - int(kilobytes["RssShmem"])))
"""


def test_more_than_the_machine_has_is_refused_and_what_it_has_is_not():
    check_memory(psutil.virtual_memory().total, "it")
    with pytest.raises(Unavailable, match=r"^not enough memory: it needs about .* GB, .* GB are available$"):
        check_memory(psutil.virtual_memory().total + 1, "it")


@pytest.mark.parametrize(("dtype", "item"), [("float64", 8), ("float32", 4)])
def test_the_memory_estimate_covers_weights_accumulators_and_the_best_model(dtype, item):
    for m, K in ((8, 5), (100, 83), (3000, 5)):
        states = 3 * size(m, K) * item
        assert 4 * states < training_memory(recipe(m, 25, dtype=dtype), K, 1000) < 20 * states + 2 * PROCESS


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what the process took")
def test_a_training_needs_two_thirds_of_the_estimated_memory_to_all_of_it(project):
    project.run("python", "src/train.py")  # compiles, if need be
    project.clear()
    printed = project.run("python", "-c", TRAIN, PYTHONPATH="src")
    estimate = training_memory(read_params(project.folder / "params.yaml").recipe, len(set(TEXT)), 0)
    assert estimate / 1.5 < int(printed.splitlines()[-1].removeprefix("peak ")) < estimate


def test_a_limit_on_this_process_counts():
    script = "from charloom.core.runtime.memory import memory; print(memory())"
    limited = ["bash", "-c", 'ulimit -v 4000000; exec "$0" -c "$1"', sys.executable, script]
    done = subprocess.run(limited, capture_output=True, text=True, check=True)
    assert int(done.stdout) == min(4_000_000 * 1024, psutil.virtual_memory().total)


def test_the_limits_of_a_container_count_from_its_own_group_up(tmp_path):
    for folder, name, content in (
        ("job/step", "memory.max", "max"),
        ("job", "memory.max", "1500000000"),
        ("memory/job", "memory.limit_in_bytes", "2000000000"),
    ):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / name).write_text(f"{content}\n")
    groups = tmp_path / "cgroup"
    for lines, limits in (
        ("0::/job/step\n", [1_500_000_000]),
        ("5:cpu:/job\n4:memory:/job\n", [2_000_000_000]),
        ("0::/\n", []),
    ):
        groups.write_text(lines)
        assert list(group_limits(groups, tmp_path)) == limits
    assert list(group_limits(tmp_path / "nowhere", tmp_path)) == []
