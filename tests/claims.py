"""Commits that claim false things, or unusual ones that are honest: how tests plant them, and ask what verify says."""

import hashlib
import re

from projects import Project, said

from charloom.results.dvc_lock import md5


def refused(project: Project, code: int = 1) -> str:
    """Return what verify prints of a claim that it must not call the same."""
    return "".join(said(project, "verify", code=code))


def relock(project: Project, name: str, content: bytes | None = None) -> None:
    """Put the hash of the file or folder, as it is now, or of another content in place of its hash in dvc.lock."""
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest() if content else md5(project.folder / name)
    lock = project.folder / "dvc.lock"
    text, count = re.subn(rf"(- path: {re.escape(name)}\n +hash: md5\n +md5: )\S+", rf"\g<1>{digest}", lock.read_text())
    assert count
    lock.write_text(text)


def set_metric(project: Project, name: str, key: str, value: str) -> None:
    """Write the value of a metric, and the hash of the edited file into dvc.lock."""
    path = project.folder / f"metrics/{name}.json"
    text, count = re.subn(rf'("{key}": )[^,\n]+', rf"\g<1>{value}", path.read_text(), count=1)
    assert count
    path.write_text(text)
    relock(project, f"metrics/{name}.json")


def replace_by_link(project: Project, name: str, target: str) -> None:
    """Put a link in the place of a file or folder."""
    path = project.folder / name
    project.run("rm", "-rf", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    project.run("git", "add", "-f", name)


def submodule(project: Project, folder: str, **files: str) -> None:
    """Add a submodule with these files, by their names with `_` for a point, in the folder."""
    part = Project(project.folder.parent / "part")
    part.folder.mkdir()
    for name, content in files.items():
        (part.folder / name.replace("_", ".")).write_text(content)
    part.run("git", "init", "-q")
    part.commit()
    project.run("git", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(part.folder), folder)
