"""Explain differences between a commit and its rebuilt results, by two dvc.lock files and the committed files."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from dvc_proof.data import digest, line_ends
from dvc_proof.facts import compare_outputs
from dvc_proof.lock import NO_STAGE, Stage, Stages

UNDECLARED = "depends on something that dvc.yaml does not name"


def find_conflicts(before: Stages, after: Stages, root: Path) -> dict[str, list[str]]:
    """Return a sentence for each input that differs between the two dvc.lock files, with the stages that read it.

    An input that another stage makes counts only if all outputs of that stage have the same hashes: otherwise these
    outputs explain why the input differs.

    before, after  stages of the committed and of the rebuilt dvc.lock; a stage that only `before` has does not count
    root           the project's folder in a clone of the commit
    """
    changes = [change for change in compare_outputs(before, after) if change.name in after]
    apart = {change.name for change in changes if change.apart}
    sentences = defaultdict[str, list[str]](list)
    for change in changes:
        one, other = before.get(change.name, NO_STAGE), after[change.name]
        unexplained = [path for path, maker in change.earlier.items() if maker not in apart]
        for name in () if change.side else (*change.inputs, *unexplained):
            sentences[_input(name, one, other) + line_ends(root, name, one.deps.get(name, ""))].append(change.name)
    return {f"{sentence} (stages: {', '.join(stages)})": stages for sentence, stages in sentences.items()}


def _input(name: str, before: Stage, after: Stage) -> str:
    one, other = ({"cmd": stage.cmd, **stage.params}.get(name, "nothing") for stage in (before, after))
    if one != other:
        file = "dvc.yaml" if name == "cmd" else name.partition(":")[0] if ":" in name else "params.yaml"
        return f"dvc.lock was made with {name} {one}, {file} has {other}"
    return f"dvc.lock {'was made with another' if name in before.deps else 'has no hash of the input'} {name}"


def edits(before: Stages, after: Stages, root: Path, stable: bool) -> Iterator[str]:
    """Yield sentences that explain outputs whose content in Git, committed hash and rebuilt hash are not all equal.

    An edit changes some outputs of a stage; another machine or other sources usually change all of them.

    before, after  stages of the committed and of the rebuilt dvc.lock
    root           the project's folder in a clone of the commit, which has the outputs in Git
    stable         whether two runs on this machine made the same outputs; False if there was only one run
    """
    sentences = defaultdict[str, list[str]](list)
    for change in compare_outputs(before, after):
        name, causes = change.name, [*change.inputs, *change.earlier]
        old, new = before.get(name, NO_STAGE).outs, after.get(name, NO_STAGE).outs
        for path in (path for path in old if path in new):
            locked, relocked, committed = old[path], new[path], digest(root, path)
            start = f"edited after {name} made it"
            if committed not in {"", locked} and (committed != relocked or locked == relocked):
                recorded = "the hash of what was rebuilt" if locked == relocked else "another hash"
                sentences[f"{start}: dvc.lock has {recorded}"].append(path)
            elif locked != relocked and change.same and not causes:
                edited = f"{start}, and dvc.lock too" if committed == locked else "dvc.lock was edited"
                others = f"{name} makes other outputs with the same hashes from the same inputs"
                sentences[f"{edited}: {others}"].append(path)
            elif locked != relocked and not causes:
                reasons = f"{'' if stable else 'is not deterministic, '}{UNDECLARED}, or ran on another machine"
                reasons += " or with other versions; or it was edited, and `dvc commit` wrote its hash"
                sentences[f"{name} makes other hashes from the same inputs: it {reasons}"].append(path)
    for sentence, paths in sentences.items():
        yield f"{', '.join(paths)}: {sentence}"
