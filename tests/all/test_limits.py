"""Where Python warns, processes are few, or a text has no end, a stage works or says in a line why not."""

import os
import shutil
import subprocess

import pytest
from projects import STAGES

SCRIPTS = [f"python src/{stage}.py" for stage in (*STAGES, "track")]
COMMANDS = ["charloom sample --length 20", "charloom sample --samples 200 --length 20", "charloom score data/fox.txt"]


def lines(printed: str) -> str:
    """Return the warnings and complaints among what was printed. Raises AssertionError at a traceback."""
    assert "Traceback" not in printed, printed
    return "".join(line for line in printed.splitlines(keepends=True) if "warning" in line.lower() or "ulimit" in line)


def test_a_library_that_warns_fails_no_stage_and_no_command(project):
    before = project.contents()
    for command in [*SCRIPTS, *COMMANDS, "charloom track"]:
        assert lines(project.run("sh", "-c", command, PYTHONWARNINGS="error")) == ""
    assert project.contents() == before
    assert len(project.runs()) == 1


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
@pytest.mark.parametrize("most", [1, 4])
def test_a_limit_of_processes_is_enough_or_a_line(project, most):
    before = project.contents()
    for n, command in enumerate([*SCRIPTS, *(COMMANDS if most > 1 else [])]):  # `charloom` begins in a shell: it forks
        # The limit binds no root: a user of its own, who may still read and write here. Each command has another one:
        # who follows a training is still there when the next begins, and other tests may run at the same time.
        uid = str(1_000_000 + 10 * os.getpid() + n)
        user = ["setpriv", "--reuid", uid, "--clear-groups", "--inh-caps", "+dac_override", "--ambient-caps"]
        done = subprocess.run(
            [*user, "+dac_override", "bash", "-c", f"ulimit -u {most}; exec {command}"], cwd=project.folder,
            env=project.environment(), text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        line = "the system allows no further process or thread: end other programs, or raise the limit (ulimit -u)\n"
        reasons = "the sender does not start: Resource temporarily unavailable", "can't start new thread"
        warned = [(f"warning: MLflow was not updated ({reason}); `make track` retries\n", 0) for reason in reasons]
        assert (lines(done.stdout), done.returncode) in [("", 0), (line, 5), *warned], command
    assert project.contents() == before


def test_a_text_without_end_is_refused_while_there_is_memory(project):
    assert "/dev/zero: not enough memory for more than" in project.run("charloom", "score", "/dev/zero", expect=5)
