"""Refuse locks that lack a wheel for a promised platform and Python, and print what stops the next Python.

The arguments name the locks. pyproject.toml has the promises: `platforms` of [tool.charloom] and `requires-python`.
antlr4-python3-runtime has no wheel for anything; it is pure Python, and every Python builds it.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
PLATFORMS = PROJECT["tool"]["charloom"]["platforms"]
LOW, HIGH = map(int, re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["project"]["requires-python"]).groups())


def obstacle(lock: str, platform: str, minor: int) -> str:
    """Return why uv cannot install the lock from wheels, or "" if it can. It looks at the wheels' names only."""
    with tempfile.TemporaryDirectory() as target:  # stays empty
        command = [
            "uv", "pip", "install", "--dry-run", "--no-deps", "--require-hashes", "-r", lock, "--target", target,
            "--only-binary", ":all:", "--no-binary", "antlr4-python3-runtime",
            "--python-platform", platform, "--python-version", f"3.{minor}",
        ]  # fmt: skip
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return ""
    reason = " ".join(result.stderr.split())  # uv breaks its lines
    match = re.search(r"Because (\S+ has no .*?) and you require", reason)
    return match[1] if match else reason


def obstacles(locks: list[str], minor: int) -> list[str]:
    """Return a line for each lock and platform that has an obstacle with this Python."""
    reasons = {platform: [obstacle(lock, platform, minor) for lock in locks] for platform in PLATFORMS}
    return [f"Python 3.{minor}, {name}: {reason}" for name, lines in reasons.items() for reason in lines if reason]


def main() -> None:
    """Print the obstacles, and exit 1 if a promised Python has any."""
    broken = [line for minor in range(LOW, HIGH) for line in obstacles(sys.argv[1:], minor)]
    later = [f"not yet possible: {line}" for line in obstacles(sys.argv[1:], HIGH)]
    print("\n".join(broken or [*later, f"nothing stops Python 3.{HIGH}"][:1]))
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
