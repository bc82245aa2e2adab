"""Run the check scripts of a class, each in a process of its own. This is no sandbox: a script can do what you can."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from rnncheck.checking import PARTS, REPORT
from rnncheck.files import read
from rnncheck.verdicts import RIGHT, UNCHECKED, WRONG, Finding, Report, Unreadable, Verdict

LIMITED = 'ulimit -c 0; ulimit -f 20000; exec "$@"'  # no core dump; files of up to 10 or 20 MB


def script_report(script: Path, seconds: float) -> Report:
    """Run the script in its folder for at most `seconds`, and return one report on all its calls of `check`.

    Raises Unreadable, with the reason, if no call wrote a report.
    """
    if not script.is_file():
        raise Unreadable("no such file")
    with tempfile.TemporaryDirectory(prefix="rnncheck-", ignore_cleanup_errors=True) as folder:
        report, output = Path(folder, "report"), Path(folder, "output")
        variables = {
            REPORT: str(report),
            "MPLBACKEND": "Agg",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONIOENCODING": "utf-8",
        }
        command = ["sh", "-c", LIMITED, "sh", sys.executable, f"./{script.name}"]
        with output.open("wb") as out:
            process = subprocess.Popen(
                command, cwd=script.parent, env=os.environ | variables, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            reason = f"the script was stopped after {seconds:g} seconds; --seconds sets the limit"
            try:
                code = process.wait(seconds)
                reason = "the script never calls rnncheck.check" if code == 0 else f"the script has exit code {code}"
            except subprocess.TimeoutExpired:
                pass
            finally:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if report.is_file():
            return _merged(read(report))
        with suppress(Unreadable):
            reason += ": " + (read(output).decode(errors="replace").strip().splitlines() or ["no output"])[-1][:200]
        raise Unreadable(reason)


def _merged(lines: bytes) -> Report:
    """Return one report from the lines of JSON that calls of `check` wrote, a line for each call.

    If several lines judge a part, the last line counts. Raises Unreadable if `check` did not write a line.
    """
    parts: dict[str, Verdict] = {}
    try:
        for line in lines.splitlines():
            for part in json.loads(line)["parts"]:
                texts = [([str(text)[:500] for text in f["sentences"]], f["named"] is True) for f in part["findings"]]
                findings = tuple(Finding(tuple(sentences), "", named) for sentences, named in texts)
                if part["result"] not in (RIGHT, WRONG, UNCHECKED) or part["part"] not in PARTS:
                    raise ValueError
                verdict = Verdict(part["part"], part["result"], str(part["about"])[:500], findings)
                if verdict.about != "not given" or verdict.part not in parts:
                    parts[verdict.part] = verdict
    except (ValueError, LookupError, TypeError, RecursionError):
        raise Unreadable("the script wrote rnncheck's report itself; only rnncheck.check may write it") from None
    return Report(tuple(parts.values()))
