"""Data files and folders: fetch them, hash them, and say how they differ from a hash that DVC has recorded.

`python -m dvc_proof.data CLONE PROJECT PATH…` fetches the paths into a clone of the project. It prints a JSON object
with a complaint by path, for paths that could not be fetched.
"""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from dvc.exceptions import CheckoutError
from dvc.fs import localfs
from dvc.ignore import DvcIgnoreFilter
from dvc.repo import Repo
from dvc_data.hashfile.istextfile import istextfile

from dvc_proof.lock import Stage
from dvc_proof.rebuild import remove
from dvc_proof.words import listed, number_of

FETCHING_MAY_TAKE = 3600  # seconds
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
SHOWN = 8  # digits of a hash

_md5 = partial(hashlib.md5, usedforsecurity=False)


def fetched(root: Path, paths: Iterable[str], seconds: float | None = None) -> dict[str, str]:
    """Fetch data into a clone, from the project's cache or a remote; return a complaint for each path without content.

    One subprocess fetches all paths, because starting DVC takes a second and a remote may never answer.

    root     the project's folder in the clone
    paths    paths of files and folders, relative to root; existing ones are not fetched
    seconds  time after which the subprocess is killed; None: FETCHING_MAY_TAKE
    """
    if not (missing := [path for path in paths if not (root / path).exists()]):
        return {}
    command = [sys.executable, "-P", "-m", "dvc_proof.data", str(root), str(Path.cwd()), *missing]
    complaint, complaints = "DVC failed while it fetched the data", dict[str, str]()
    limit = seconds or FETCHING_MAY_TAKE
    try:
        printed = subprocess.run(command, capture_output=True, check=False, timeout=limit).stdout
        with suppress(ValueError):  # DVC printed something else
            complaints = json.loads((printed.splitlines() or [b"{}"])[-1])
    except subprocess.TimeoutExpired:
        complaint = f"not fetched within {limit:g} s"
    return {path: complaints.get(path, complaint) for path in missing if not (root / path).exists()}


def main() -> None:
    """Fetch each path separately, so that a path that cannot be fetched does not stop the others.

    The project's cache is tried first, then its remotes. The project's settings are used, because a clone lacks the
    settings in .dvc/config.local.
    """
    clone, project, *paths = sys.argv[1:]
    with Repo(project) as own:
        remotes, name, cache = own.config["remote"], own.config["core"].get("remote"), own.cache.local_cache_dir
    core = {"site_cache_dir": f"{clone}/.dvc/tmp/site"} | ({"remote": name} if name else {})
    complaints = dict[str, str]()
    for path in paths:
        for folder, fetch in ((cache, Repo.checkout), (f"{clone}/.dvc/cache", Repo.pull)):
            try:
                config = {"cache": {"dir": folder, "type": ["copy"]}, "remote": remotes, "core": core}
                with Repo(clone, config=config) as repo:
                    fetch(repo, f"{clone}/{path}")
                    recorded = repo.find_outs_by_path(f"{clone}/{path}")[0].hash_info.value
                if recorded in {digest(Path(clone), path), digest(Path(clone), path, legacy=True)}:
                    break
                remove(Path(clone, path))
                complaints[path] = "the content in DVC's cache is damaged"  # DVC does not look when it checks out
            except CheckoutError:
                complaints.setdefault(path, "neither DVC's cache nor a remote has it")
            except Exception as error:  # noqa: BLE001  plugins, servers and files raise exceptions of many types
                complaints[path] = " ".join(COLOUR.sub("", str(error.__cause__ or error)).split())
    print(json.dumps(complaints))


def files_in(root: Path, path: str) -> dict[str, Path]:
    """Return the files in a folder by their names relative to the folder, or a single file under the name "".

    The result is {} if the path does not exist. Files that .dvcignore excludes are left out.
    """
    top = root / path
    if not top.is_dir():
        return {"": top} if top.is_file() else {}
    found = DvcIgnoreFilter(localfs, str(root)).find(localfs, str(top))
    return {Path(file).relative_to(top).as_posix(): Path(file) for file in sorted(found)}


def contents(root: Path, path: str) -> dict[str, bytes]:
    """Return the content of the files of `files_in`, by name. A single file has its own name instead of ""."""
    return {name or Path(path).name: file.read_bytes() for name, file in files_in(root, path).items()}


def hashes(root: Path, path: str, legacy: bool = False) -> dict[str, str]:
    """Return the MD5 of each file of `files_in`, by name.

    legacy  whether to hash as DVC 2 did: text files as if they had Unix line ends
    """
    return {name: _of_file(file, legacy) for name, file in files_in(root, path).items()}


def digest(root: Path, path: str, legacy: bool = False) -> str:
    """Return DVC's hash of a file or folder, computed without DVC; "" if the path does not exist."""
    own = hashes(root, path, legacy)
    if not (root / path).is_dir():
        return own.get("", "")
    entries = [{"md5": value, "relpath": name} for name, value in sorted(own.items())]
    return f"{_md5(json.dumps(entries, sort_keys=True).encode()).hexdigest()}.dir"


def difference_to_hash(root: Path, path: str, stage: Stage) -> str:
    """Return how a file or folder differs from its hash, size and number of files in the stage; "" if it does not.

    DVC 2 wrote no key `hash`. Its sizes are not compared, because they count line ends that its hashes ignore.
    """
    recorded, entry = (stage.deps | stage.outs)[path], stage.entries[path]
    own, files = digest(root, path), files_in(root, path)
    if own != recorded and ("hash" in entry or digest(root, path, legacy=True) != recorded):
        return f"recorded {recorded[:SHOWN]}…, here {own[:SHOWN] or 'nothing'}…{line_ends(root, path, recorded)}"
    here = {"size": sum(file.stat().st_size for file in files.values()), "nfiles": len(files)}
    wrong = (key for key in here if "hash" in entry and entry.get(key, here[key]) != here[key])
    return next((f"the same hash, but recorded {key} {entry[key]}, here {here[key]}" for key in wrong), "")


def line_ends(root: Path, path: str, recorded: str) -> str:
    """Return `: only the line ends differ` if the file with other line ends has the recorded hash; else ""."""
    unix = (root / path).read_bytes().replace(b"\r\n", b"\n") if (root / path).is_file() else b""
    both = [_md5(content).hexdigest() for content in (unix, unix.replace(b"\n", b"\r\n"))]
    return ": only the line ends differ" if unix and recorded in both else ""


def folder_files(root: Path, path: str, recorded: str) -> str:
    """Return a phrase that names the files in a folder that differ from the recorded ones.

    The result is "" if the cache of the project in the working folder lacks DVC's list of the recorded files.

    recorded  the folder's hash that DVC recorded
    """
    for cache in (Path(".dvc/cache/files/md5"), Path(".dvc/cache")):
        if recorded.endswith(".dir") and (file := cache / recorded[:2] / recorded[2:]).is_file():
            own, other = hashes(root, path), {entry["relpath"]: entry["md5"] for entry in json.loads(file.read_bytes())}
            names = sorted(name for name in {**own, **other} if own.get(name) != other.get(name))
            return f"; {number_of(len(names), 'file')} of the folder: {listed(names)}"
    return ""


def _of_file(file: Path, legacy: bool) -> str:
    if legacy and istextfile(str(file), localfs):
        return _md5(file.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
    with file.open("rb") as content:
        return hashlib.file_digest(content, _md5).hexdigest()


if __name__ == "__main__":
    main()
