"""What a commit says against itself: dvc.lock beside params, sources, text and results. Nothing is run for that."""

from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

from charloom.base.errors import CheckFailed, Damaged, WrongInput
from charloom.proof.outputs import Output, hashes_of, outputs
from charloom.settings.dvc_lock import LOCK, locked, md5
from charloom.settings.params import PARAMS, Params, flat, read_params
from charloom.settings.pipeline import PIPELINE, declared

SOURCES = "src/"
TEXT = "${prepare.text}"  # as dvc.yaml names it


class Contradiction(NamedTuple):
    """One, in words, and the stages that it is about."""

    what: str
    stages: tuple[str, ...]

    def __str__(self) -> str:
        """Return the sentence."""
        return f"{self.what} (stages: {', '.join(self.stages)})"


def contradictions(folder: Path, *, results: bool) -> list[Contradiction]:
    """Return them in the order of the stages, of a clone in which nothing was run.

    results  also where dvc.lock has another hash than the committed result's

    Raises CheckFailed where dvc.lock is not what DVC writes, or params.yaml has what is not allowed.
    """
    found: dict[str, list[str]] = {}
    with chdir(folder):
        try:
            params, made = read_params(), list(outputs(Path()))
            lock = _lock()
            hashes = hashes_of(lock)
            for stage in dict.fromkeys(each.stage for each in made):
                own = [each for each in made if each.stage == stage and not each.varies]
                against = [*_of_inputs(stage, lock, hashes, params), *_of_results(own, hashes, beside_files=results)]
                for what in against:
                    found.setdefault(what, []).append(stage)
            for stage, what in _of_no_stage(lock, made):
                found.setdefault(what, []).append(stage)
        except WrongInput as error:
            raise CheckFailed(f"first difference: prepare: {error}") from None
        except (Damaged, OSError, AttributeError, LookupError, TypeError, ValueError):
            raise CheckFailed(f"first difference: prepare: {LOCK}: not what DVC writes") from None
    return [Contradiction(what, tuple(stages)) for what, stages in found.items()]


def _lock() -> dict[str, Any]:
    """Return what dvc.lock says. Raises WrongInput where it is missing, or a merge that nobody has finished."""
    if not LOCK.exists():
        raise WrongInput(f"{LOCK}: not in HEAD; `dvc repro` writes it, then commit it")
    if b"\n<<<<<<< " in b"\n" + LOCK.read_bytes():
        take = f"take that of one side (`git checkout BRANCH -- {LOCK}`), then `dvc repro`"
        raise WrongInput(f"{LOCK}: a merge was committed with its conflict marks; {take}")
    return locked()


def _of_inputs(stage: str, lock: dict[str, Any], hashes: dict[str, str], params: Params) -> Iterator[str]:
    """Yield what dvc.lock says of a stage's command, params and files that is not so."""
    if stage not in lock:
        yield f"{LOCK} has no stage {stage}"
        return
    entry, says = lock[stage], declared(stage)
    if entry["cmd"] != says.get("cmd"):
        yield f"{LOCK} is of another command: {entry['cmd']}"
    yield from _of_params(says.get("params", []), entry.get("params", {}).get(str(PARAMS), {}), params)
    used = {dep["path"]: dep["md5"] for dep in entry["deps"]}
    for dep in (params.prepare.text if each == TEXT else each for each in says.get("deps", [])):
        if dep not in used:
            yield f"{LOCK} does not say which {dep} was used"
        elif dep in hashes:
            if used[dep] != hashes[dep]:
                yield f"{LOCK} is of two {dep}: one was made, another was used"
        elif not Path(dep).exists():
            by_dvc = f"{dep} is in DVC, and neither the cache here nor a remote has it; `dvc pull` brings it"
            yield by_dvc if Path(f"{dep}.dvc").exists() else f"{dep} is not in Git, so nobody else has it"
        elif used[dep] != md5(Path(dep)):
            kind = "source" if dep.startswith(SOURCES) else "text" if dep == params.prepare.text else "file"
            yield f"{LOCK} is of another {kind}: {dep}"


def _of_params(names: list[Any], used: dict[str, Any], params: Params) -> Iterator[str]:
    """Yield which params dvc.lock has another value of; an entry of dvc.yaml that is no name is all of params.yaml."""
    values = params.model_dump()
    whole = not all(isinstance(name, str) for name in names)
    now, then = dict(flat({name: values[name] for name in (values if whole else names)})), dict(flat(used))
    for name in now | then:
        if now.get(name) != then.get(name):
            yield f"{LOCK} is of {name} {then.get(name)}, {PARAMS} says {now.get(name)}"


def _of_results(own: list[Output], hashes: dict[str, str], *, beside_files: bool) -> Iterator[str]:
    """Yield which results dvc.lock has no hash of, or another file's."""
    for output in own:
        if output.path not in hashes:
            yield f"{LOCK} has no hash of {output.path}"
        elif beside_files and output.in_git and not Path(output.path).exists():
            yield f"{output.path} is not committed, and {LOCK} has its hash"
        elif beside_files and output.in_git and hashes[output.path] != md5(Path(output.path)):
            yield f"{LOCK} has the hash of another {output.path} than the committed one"


def _of_no_stage(lock: dict[str, Any], made: list[Output]) -> Iterator[tuple[str, str]]:
    """Yield stage and what is wrong for each result in dvc.lock that dvc.yaml does not name, so nothing makes it."""
    named = {(each.stage, each.path) for each in made}
    for stage, entry in lock.items():
        for out in entry.get("outs", []):
            if (stage, out["path"]) not in named:
                yield stage, f"{LOCK} has {out['path']}, which {PIPELINE} does not name: it was not made again"
