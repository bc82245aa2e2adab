#!/usr/bin/env -S python3 -IS
"""Stand-ins for the commands and actions of a job. They log each call and produce the files that later jobs read.

A link to this file has the name of a command. An action has its name as the first argument, and what it is given as
JSON in INPUTS. Artifacts are folders in the folder that ARTIFACTS names; a call that FAIL matches ends with exit 1.
"""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

OWN = Path(__file__).resolve()
ARTIFACTS = Path(os.environ["ARTIFACTS"])
COMMENTS = ARTIFACTS.parent / "comments.json"
BUILT = ("charloom", "dvc", "dvc-proof")  # what `make setup` puts into .venv


def make(*_: str) -> None:
    """Every target makes .venv first."""
    folder = Path(".venv/bin")
    folder.mkdir(parents=True, exist_ok=True)
    for name in BUILT:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(OWN)


def charloom(command: str, *arguments: str) -> None:
    """Print what the command prints, and write what it writes."""
    if command == "verify":
        for name in ("metrics/train.json", "plots/smooth_loss.csv"):
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).write_text("1\n")
    if command == "compare":
        before, after = (head(name)[:10] for name in arguments)
        print(f"{before} and {after} differ: ```` is longer than a fence")


def dvc_proof(_: str, option: str, base: str) -> None:
    """Print a summary."""
    print(f"{option} {head(base)[:10]}")


def dvc(*arguments: str) -> None:
    """Make the pages, when the stage that draws them is asked for."""
    if "plot" in arguments:
        Path("reports").mkdir(exist_ok=True)
        for name in ("report", "live", "inside"):
            Path(f"reports/{name}.html").write_text(f"<title>{name}</title>\n")


def gh(_: str, *arguments: str) -> None:
    """Answer as GitHub's API for the comments of one pull request, which are in a file."""
    comments = json.loads(COMMENTS.read_text()) if COMMENTS.exists() else []
    given = dict(pairwise(arguments))
    if "--jq" in given:
        subprocess.run(["jq", "--raw-output", given["--jq"]], input=json.dumps(comments), text=True, check=True)
        return
    body = Path(given["--field"].removeprefix("body=@")).read_text()
    if given["--method"] == "POST":
        comments.append({"id": 100 + len(comments), "user": {"type": "Bot"}, "body": body})
    else:
        (comment,) = (each for each in comments if f"/comments/{each['id']}" in " ".join(arguments))
        comment["body"] = body
    COMMENTS.write_text(json.dumps(comments))


def upload_artifact(name: str, path: str, if_no_files_found: str = "warn", **_: str) -> None:
    """Store the files as an artifact; a second one of the same name is refused, as GitHub does."""
    files = [Path(line) for line in path.split() if Path(line).exists()]
    if not files:
        sys.exit(if_no_files_found == "error")
    target = ARTIFACTS / name
    target.mkdir(parents=True)
    for file in files:
        if file.is_dir():
            shutil.copytree(file, target / (file if len(files) > 1 else ""), dirs_exist_ok=True)
        else:
            shutil.copy(file, target)


def download_artifact(name: str = "", pattern: str = "", path: str = ".", **_: str) -> None:
    """Bring the artifact of the name into the folder, or each one that the pattern matches into a folder of its own."""
    if name and not (ARTIFACTS / name).is_dir():
        sys.exit(f"Artifact not found for name: {name}")
    for artifact in [ARTIFACTS / name] if name else sorted(ARTIFACTS.glob("*")):
        if name or fnmatch.fnmatch(artifact.name, pattern):
            shutil.copytree(artifact, Path(path) / ("" if name else artifact.name), dirs_exist_ok=True)


def upload_pages_artifact(path: str, **_: str) -> None:
    """Store the folder as the artifact that is published."""
    upload_artifact("github-pages", path, "error")


def deploy_pages(**_: str) -> None:
    """Publish the artifact."""
    download_artifact("github-pages", path=str(ARTIFACTS.parent / "published"))


def attest(subject_path: str, **_: str) -> None:
    """Note the files whose provenance is signed."""
    files = sorted(str(file) for pattern in subject_path.split() for file in Path().glob(pattern))
    noted(f"signed {' '.join(files)}")


def head(ref: str = "HEAD") -> str:
    """Return the commit."""
    return subprocess.run(["git", "rev-parse", ref], capture_output=True, text=True, check=True).stdout.strip()


def fails(call: str) -> bool:
    """Return whether the call is one that has to fail."""
    return bool(os.environ.get("FAIL")) and re.search(os.environ["FAIL"], call) is not None


def noted(call: str) -> None:
    """Add the call to the list of all calls."""
    job = os.environ.get("GITHUB_JOB")
    with (ARTIFACTS.parent / "calls.txt").open("a") as file:
        file.write(f"{job}: {call}\n")


def main() -> None:
    """Do what the name says."""
    called, *arguments = sys.argv
    name = Path(called).name
    if name == OWN.name:  # an action
        given = {key.replace("-", "_"): value for key, value in json.loads(os.environ["INPUTS"]).items() if value}
        name, arguments = arguments[0], []
        noted(" ".join([name, *(f"{key}={value.split()}" for key, value in sorted(given.items()))]))
        globals().get(name.replace("-", "_"), lambda **_: None)(**given)
        return
    noted(" ".join([name, *arguments]))
    globals().get(name.replace("-", "_"), lambda *_: None)(*arguments)
    if fails(" ".join([name, *arguments])):
        sys.exit(1)


if __name__ == "__main__":
    main()
