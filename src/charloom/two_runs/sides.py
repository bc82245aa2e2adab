"""Find a run by its name, and read its files: from a commit, a DVC experiment, the working folder, or MLflow."""

import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from charloom.core.base.errors import Damaged, WrongInput
from charloom.core.base.git import commit, git, git_output
from charloom.core.base.storage import columns_of
from charloom.core.base.words import in_line
from charloom.core.base.yaml12 import NO_YAML, leaves, parse_yaml
from charloom.core.config.params import PARAMS, Params, nested, with_silent
from charloom.core.config.pipeline import LOCK, PIPELINE, files
from charloom.core.config.reading import validated
from charloom.results.commits import run_in
from charloom.results.dvc_lock import LockedStages, md5, stages_in
from charloom.results.git import DIFF, NOTHING, objects
from charloom.results.run import TABLES, Curve, Run
from charloom.tracking.address import RUN
from charloom.tracking.outbox import PATCH

WORKSPACE = "workspace"
METRICS = ("metrics/train", "metrics/prepare", "metrics/results")
CODE = ("src", str(PIPELINE), "requirements.lock")  # the code in a patch; params are shown by their values
ALLOWED = f"a commit, a branch, a DVC experiment, HEAD, {WORKSPACE}, or a run in MLflow (its id, or its page's address)"


class Side(NamedTuple):
    """One of the two runs.

    name    the run's name, as the user typed it
    commit  full hash of the commit on which the run's code is based; "" if the repository has no commit
    run     the run, with all curves that its files have
    stages  the stages in the run's dvc.lock, by name; {} if the run has no dvc.lock
    patch   the uncommitted changes of the run's code, as a patch; "" if there are none
    newer   params and files of the working folder that were edited after its training
    """

    name: str
    commit: str
    run: Run
    stages: LockedStages
    patch: str = ""
    newer: tuple[str, ...] = ()

    @property
    def code(self) -> dict[str, str]:
        """Return DVC's hashes of the code that prepares the text and trains, by path; {} if they are unknown."""
        used = [self.stages[name].deps.items() for name in ("prepare", "train") if name in self.stages]
        return {path: digest for deps in used for path, digest in deps if path.startswith("src")}


def read_side(name: str, folder: Path) -> Side:
    """Return the run with this name. The files of a run in MLflow are written into `folder`, which is made.

    Raises WrongInput if there is no such run, or if it has no results that this version can read. Raises Unavailable
    if Git or MLflow fails.
    """
    paths = {key: path for key, path in files("track").items() if key in METRICS or key in TABLES}
    wanted, patch = [PARAMS, LOCK, *paths.values()], ""
    if name == WORKSPACE:
        number, contents = commit(), [_content(path) for path in wanted]
        patch = git_output(*DIFF, "--relative", number or NOTHING, "--", *CODE).decode(errors="replace")
    elif run := RUN.fullmatch(name):
        from charloom.tracking.queries import origin_of  # noqa: PLC0415  MLflow's import takes seconds

        folder.mkdir()
        origin = origin_of(run[1], folder)
        number, contents = origin.commit, [_content(folder / path) for path in wanted]
        patch = _content(folder / PATCH).decode(errors="replace")
    else:
        number = _commit(name)
        contents = [content for _, content in objects(f"{number}:./{path}" for path in wanted)]
    written, lock, *rest = contents
    where = Path(f"{in_line(name)}: {PARAMS}")
    stages = LockedStages()
    with suppress(Damaged):  # a run in MLflow may have none
        stages = stages_in(lock)
    try:
        values = dict(leaves(parse_yaml(written.decode()) or {}))
    except NO_YAML:
        raise WrongInput(f"{where}: not YAML") from None
    used, newer = [stages[stage] for stage in ("prepare", "train") if stage in stages], list[str]()
    locked = {key: value for stage in used for key, value in stage.params.items()}  # of the training
    if name == WORKSPACE:
        files_used = {path: digest for stage in used for path, digest in stage.deps.items() if path.startswith("src")}
        newer = [key for key, value in locked.items() if values.get(key, value) != value]
        newer += [path for path, digest in files_used.items() if md5(Path(path)) != digest]
    params = validated(Params, with_silent(nested(values | locked)), where)
    return Side(name, number, _run(params, dict(zip(paths, rest, strict=True)), name), stages, patch, (*newer,))


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _commit(name: str) -> str:
    """Return the hash of a commit, or of a DVC experiment. Raises WrongInput if neither has this name.

    Of experiments with one name, that on HEAD is taken.
    """
    verify = ("rev-parse", "--verify", "--quiet", "--end-of-options")
    number = git(*verify, f"{name}^{{commit}}", empty=1) if name else ""
    if re.fullmatch("[0-9a-f]{40,64}", number):  # a range is no commit
        return number
    refs = git("for-each-ref", "--format=%(objectname)/%(refname)", "refs/exps").split("\n")
    found = {"".join(parts[3:5]): parts[0] for parts in (ref.split("/") for ref in refs) if parts[5:] == [name]}
    if len(found) == 1 or commit() in found:
        return found.get(commit()) or next(iter(found.values()))
    if found:
        raise WrongInput(f"{in_line(name)}: {len(found)} DVC experiments, none on HEAD; their commits are allowed")
    raise WrongInput(f"{in_line(name) or 'an empty name'}: no such run; allowed is {ALLOWED}")


def _run(params: Params, content: dict[str, bytes], name: str) -> Run:
    """Return the run from the content of its files. Raises WrongInput if the metrics are missing or cannot be read.

    content  content of the files by their keys in `pipeline.files`; a missing table of a curve gives no curve
    name     the run's name, for messages
    """
    train, *others = (content[key] for key in METRICS)
    run = run_in(params, train, *others)
    if isinstance(run, str):
        cure = "train the run again" if train else "`dvc repro` makes those of the working folder"
        raise WrongInput(f"{in_line(name)}: {run}; {cure}")
    curves: dict[str, Curve] = {}
    for key, names in TABLES.items():
        with suppress(ValueError):  # missing, or of another version
            for curve, points in columns_of(content.get(key, b""), names).items():
                curves[curve] = curves.get(curve, {}) | points
    return run._replace(curves=curves)


def at_hand(side: Side, key: str) -> Path | None:
    """Return the path of the run's output `key`, in the working folder or DVC's cache; None if both lack it.

    A file counts only if it has the hash in the run's dvc.lock.
    """
    path = files("track" if key.startswith("models") else "prepare")[key]
    digest = next((stage.outs[str(path)] for stage in side.stages.values() if str(path) in stage.outs), "")
    if digest and path.is_file() and md5(path) == digest:
        return path
    file = _cache(Path.cwd()) / digest[:2] / digest[2:]
    return file if digest.isalnum() and file.is_file() else None


@cache
def _cache(project: Path) -> Path:
    """Return the folder of the files in the cache of the DVC project."""
    from dvc.repo import Repo  # noqa: PLC0415  the import takes a quarter of a second

    with Repo(str(project)) as repo:
        return Path(repo.cache.local.path)


def code_patch(a: Side, b: Side) -> str:
    """Return the difference of two runs' code as a patch: between the commits, then the uncommitted changes."""
    patch = git_output(*DIFF, "--relative", a.commit, b.commit, "--", *CODE) if a.commit != b.commit else b""
    parts = [patch.decode(errors="replace")]
    if a.patch != b.patch:
        parts += [f"# uncommitted in {label}\n{side.patch}" for label, side in (("A", a), ("B", b)) if side.patch]
    return "".join(parts)
