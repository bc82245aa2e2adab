"""Refuse a commit before anything is run: results that no stage rebuilds, and inputs that nobody else has."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from charloom.core.base.errors import CheckFailed, WrongInput
from charloom.core.base.git import git
from charloom.core.base.yaml12 import parsed
from charloom.core.settings.pipeline import LOCK, PIPELINE, Project, is_inside, names_of
from charloom.proof.outputs import outputs
from dvc_proof.differences import Row
from dvc_proof.git import Refused
from dvc_proof.lock import Stages, read_lock, within
from dvc_proof.plotted import plotted

# The keys of a stage in dvc.yaml that this package knows.
KEYS = {"desc", "cmd", "params", "deps", "outs", "metrics", "plots", "meta", "frozen", "always_changed"}
RESULTS = ("metrics/", "plots/")
SUBMODULE = "160000"  # Git's mode for a submodule
NOT_IN_HEAD = "not in this repository, nor in DVC's cache or a remote, so nobody else has it"


def inspected(clone: Project) -> tuple[Stages, list[Row]]:
    """Return the stages of the dvc.lock of a clone of HEAD, and a row for each reason not to rebuild the commit.

    Raises CheckFailed if dvc.lock, dvc.yaml or params.yaml is missing or invalid.
    """
    try:
        lock = _locked(clone)
        return lock, list(_refusals(clone, lock))
    except WrongInput as error:
        line = str(error).replace(f"{clone.root}/", "")
        raise CheckFailed(f"first difference: prepare: {line}") from None
    except (OSError, AttributeError, LookupError, TypeError, ValueError):
        raise CheckFailed(f"first difference: prepare: {PIPELINE}: not in the format that DVC reads") from None


def _locked(clone: Project) -> Stages:
    """Return the stages of the clone's dvc.lock. Raises WrongInput if it is missing or not in DVC's format."""
    with suppress(Refused):
        if stages := read_lock(clone.root / LOCK):
            return stages
    raise WrongInput(f"{LOCK}: missing, or not in DVC's format; `rm -f {LOCK} && dvc repro` writes it")


def _refusals(clone: Project, lock: Stages) -> Iterator[Row]:
    """Yield a row for each reason not to rebuild the commit; its stage is the one concerned, or the last.

    The reasons are: an input that is missing or outside the repository; an output that only dvc.lock has; metrics and
    plots that no stage makes; parts of dvc.yaml that this module does not know; and every other dvc.yaml.

    clone  a clone of HEAD in which no stage has run
    lock   the stages of its dvc.lock

    The files of Git's submodules are read in the working folder. Raises an exception that `inspected` converts, if
    dvc.yaml or params.yaml is missing or invalid.
    """
    stages, pipeline = clone.stages(), parsed((clone.root / PIPELINE).read_text(encoding="utf-8"))
    rebuilt, last = [output.path for output in outputs(clone)], list(stages)[-1]
    top, text = clone.root / git("rev-parse", "--show-cdup", folder=clone.root), clone.params().prepare.text

    def is_rebuilt(path: str) -> bool:
        return any(within(path, output) for output in rebuilt)

    for stage, declared in stages.items():
        for dep in names_of(declared.get("deps", []), text):
            if not is_rebuilt(dep) and not (is_inside(clone.root / dep, top) and (clone.root / dep).exists()):
                yield Row(stage, dep, NOT_IN_HEAD)
        for key in declared.keys() - KEYS:
            yield Row(stage, str(PIPELINE), f"{key}: an unknown key of a stage: its results were not rebuilt")
    for stage, out in ((stage, out) for stage, entry in lock.items() for out in entry.outs if out not in rebuilt):
        yield Row(stage, out, f"{LOCK} has it, and {PIPELINE} does not name it: it was not rebuilt")
    for key in pipeline.keys() - {"stages", "plots"}:
        yield Row(last, str(PIPELINE), f"{key}: what it names was not rebuilt")
    files = [entry.partition("\t") for entry in git("ls-files", "-z", "--stage", folder=clone.root).split("\0")[:-1]]
    modules = [Path(path) for mode, _, path in files if mode.startswith(SUBMODULE)]
    # DVC skips a submodule that is a DVC repository itself.
    other = [path for module in modules if not (module / ".dvc").exists() for path in module.rglob(str(PIPELINE))]
    named = [path for _, _, path in files if path.startswith(RESULTS) and not path.endswith("/.gitignore")]
    for path in {*plotted(pipeline.get("plots", [])), *named} - {str(path) for path in modules}:
        if not is_rebuilt(path):
            yield Row(last, path, "no stage makes it")
    for path in [*(path for _, _, path in files if path.endswith(f"/{PIPELINE}")), *map(str, other)]:
        yield Row(last, path, "its stages were not run")
