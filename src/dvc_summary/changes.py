"""Compare the stages of two dvc.lock files."""

from typing import Any, NamedTuple

from groundwork.lock import NO_STAGE, Stages, makers_of


class Change(NamedTuple):
    """The comparison of a stage in two commits, or in two dvc.lock files.

    side     `new` or `gone` if only the second or only the first has the stage; empty if both have the stage
    same     number of the stage's outputs with equal hashes
    outs     outputs with different hashes, or that only one side has
    inputs   changed params, changed files that no stage makes, and `cmd` if the command changed
    earlier  the stage's other changed inputs, with the stage that makes each
    """

    name: str
    side: str
    same: int
    outs: list[str]
    inputs: list[str]
    earlier: dict[str, str]

    @property
    def apart(self) -> bool:
        """Return whether the stage's outputs differ, or only one side has the stage."""
        return bool(self.side or self.outs)


def compared(before: Stages, after: Stages) -> list[Change]:
    """Return a Change for every stage: first the stages of `before` in their order, then those only in `after`."""
    makers, changes = makers_of(before | after), []
    for name in before | after:
        one, other = before.get(name, NO_STAGE), after.get(name, NO_STAGE)
        side = "" if name in before and name in after else "new" if name in after else "gone"
        deps, cmd = _differ(one.deps, other.deps), ["cmd"] if one.cmd != other.cmd else []
        inputs = [*sorted(_differ(one.params, other.params)), *(dep for dep in deps if dep not in makers), *cmd]
        earlier = {dep: makers[dep] for dep in deps if dep in makers}
        outs = _differ(one.outs, other.outs)
        changes.append(Change(name, side, len(other.outs.keys() - outs), outs, inputs, earlier))
    return changes


def _differ(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return [name for name in one | other if name not in one or name not in other or one[name] != other[name]]
