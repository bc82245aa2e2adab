"""What is said: the lines of the verdict, and blocks about what was changed and what came of it."""

from collections.abc import Callable, Iterator
from typing import Any

from dvc_summary.facts import Facts
from dvc_summary.git import git
from dvc_summary.locks import Change, Stages, compared, makers_of, within
from dvc_summary.markdown import code, folded, listed, paragraph, plural, table

SAME = "the same bits"
UNEXPLAINED = "the same inputs: it does not repeat itself, or depends on something that dvc.yaml does not name"


def changed(facts: Facts) -> str:
    """Return in a line what was changed."""
    params = [name for names in facts.params.values() for name in sorted(names)]
    inputs = sum(bool(file.stages) for file in facts.files)
    others = len(facts.files) - inputs
    said = [
        f"{plural(len(params), 'parameter')} ({listed(params)})" if params else "",
        f"{plural(inputs, 'file')} that stages depend on" if inputs else "",
        plural(others, "other file") if others else "",
    ]
    return f"{', '.join(filter(None, said)) or 'no parameter and no file, results apart'}."


def parted(facts: Facts) -> str:
    """Return in a line or two where the results part first, and what that means."""
    if not (facts.before and facts.after):
        return f"{'HEAD' if facts.before else 'The base'} has no dvc.lock, so there are no results to compare."
    first = next((each for each in facts.changes if each.apart), None)
    if not first:
        return f"All outputs are the base's bits: {_outputs(facts.after)}."
    kept = [each.name for each in facts.changes if not each.apart and each.same]
    start = f"The same bits in {listed(kept)}; {code(first.name)}" if kept else code(first.name)
    if first.side:
        return f"{start} is {first.side}, the first stage that is not on both sides."
    why = _reasons(first)
    return f"{start} is the first with other outputs, {f'because of {why}' if why else f'from {UNEXPLAINED}'}."


def _outputs(stages: Stages) -> str:
    return plural(sum(len(stage.outs) for stage in stages.values()), "output")


def _reasons(change: Change) -> str:
    """Return the inputs of a stage that changed, those that other stages make by their names."""
    made = [f"the outputs of {listed(change.earlier)}"] if change.earlier else []
    return "; ".join([*([listed(change.inputs)] if change.inputs else []), *made])


def warnings(facts: Facts) -> Iterator[str]:
    """Yield a block for each thing that a reader has to know before all else."""
    if facts.stale:
        each = "; ".join(f"{code(stage)}: {listed(names)}" for stage, names in facts.stale.items())
        yield paragraph(
            f"⚠️ Not as <code>dvc.lock</code> has it: {each}. <code>dvc repro</code> makes the results anew."
        )
    if facts.missing:
        yield paragraph(f"⚠️ In <code>dvc.lock</code>, and not committed any more: {listed(facts.missing)}.")
    if facts.uncommitted:
        yield paragraph("Changes that are not committed are not in this.")
    yield from (paragraph(f"Not known: {code(complaint, 400)}") for complaint in facts.complaints)


def changes(facts: Facts) -> Iterator[str]:
    """Yield the blocks about what was changed."""
    yield "### What was changed"
    params = list(_by_file("parameter", facts.params, _both, "before", "after"))
    yield from params
    if facts.files:
        known = [file.lines for file in facts.files if file.lines]
        sums = [sum(each) for each in zip((0, 0), *known, strict=True)]
        rows = (
            (code(file.path), _lines(*file.lines) if file.lines else "binary", listed(file.stages, 3) or "no stage")
            for file in facts.files
        )
        listing = table(("file", "lines", "depends on it"), rows)
        yield folded(f"{plural(len(facts.files), 'file')}, {_lines(*sums)} lines", listing, opened=not params)
    data = list(_data(facts))
    if data:
        yield table(("data", "before", "after"), data)
    if not (params or facts.files or data):
        yield "Nothing, results apart."


def _lines(added: int, removed: int) -> str:
    return f"+{added:,} −{removed:,}"


def _data(facts: Facts) -> Iterator[list[str]]:
    """Yield path, old and new hash of each dependency that no stage makes and whose change Git does not show."""
    made = makers_of(facts.before | facts.after)
    old, new = (
        {dep: digest for stage in side.values() for dep, digest in stage.deps.items() if dep not in made}
        for side in (facts.before, facts.after)
    )
    shown = [*(file.path for file in facts.files), *facts.params]
    for dep in old | new if facts.before and facts.after else ():
        if old.get(dep) != new.get(dep) and not any(within(path, dep) for path in shown):
            yield [code(dep), *(code(side[dep][:12]) if dep in side else "–" for side in (old, new))]


def _by_file(what: str, differences: dict[str, Any], cells: Callable[..., list[str]], *head: str) -> Iterator[str]:
    """Yield a table of what DVC's `diff` says, if it says anything; a file that is always the same has no column."""
    rows = [
        [code(file), code(name), *cells(**values)]
        for file, names in differences.items()
        for name, values in sorted(names.items())
    ]
    files = {file for file, *_ in rows}
    if len(files) == 1:
        yield table((f"{what} in {files.pop()}", *head), (row for _, *row in rows))
    elif files:
        yield table((what, *head, "file"), ((*row, file) for file, *row in rows))


def _both(old: Any = None, new: Any = None, **_: Any) -> list[str]:
    return ["–" if each is None else code(each) for each in (old, new)]


def _figures(old: Any = None, new: Any = None, diff: Any = None, **_: Any) -> list[str]:
    """Return both values with six digits, or in full where these are the same, and the change."""
    short = [f"{each:.6g}" if isinstance(each, float) else each for each in (old, new)]
    number = isinstance(diff, int | float) and not isinstance(diff, bool)
    change = code(f"{diff:+.4g}" if isinstance(diff, float) else f"{diff:+,}") if number else ""
    return [*_both(*((old, new) if short[0] == short[1] else short)), change]


def results(facts: Facts) -> Iterator[str]:
    """Yield the blocks about what came of it: metrics, and stage by stage."""
    yield "### What came of it"
    metrics = list(_by_file("metric", facts.metrics, _figures, "before", "after", "change"))
    yield from metrics or ["No metric has changed."]
    yield folded("Stage by stage", _stages(facts.changes))


def reproduced(committed: Stages, rebuilt: Stages) -> Iterator[str]:
    """Yield the blocks about which committed outputs a rebuild made again."""
    yield "### What reproduced"
    differ = [each for each in compared(committed, rebuilt) if each.apart and each.name in committed]
    if differ:
        first = code(differ[0].name)
        yield paragraph(f"Rebuilt from HEAD: {first} is the first whose outputs are not the committed ones.")
        yield _stages(differ)
    else:
        yield paragraph(f"Rebuilt from HEAD: all {_outputs(committed)} have the committed hashes.")


def _stages(found: list[Change]) -> str:
    """Return a table of what became of the outputs of each stage, and why."""
    rows = []
    for each in found:
        why, more = _reasons(each), f"; {each.same} the same" if each.same else ""
        said = f"other: {listed(each.outs)}{more}" if each.outs else SAME if each.same else "no file to compare"
        because = f"changed: {why}" if why else f"<b>{UNEXPLAINED}</b>" if each.outs else "the same inputs"
        rows.append([code(each.name), each.side, ""] if each.side else [code(each.name), said, because])
    return table(("stage", "outputs", "what it comes from"), rows)


def foot(facts: Facts) -> str:
    """Return the last block: which commits. Of a merge that GitHub made to try it, the branch's own."""
    parents = git("rev-list", "--parents", "--max-count=1", facts.head).split()[1:]
    head = parents[1] if len(parents) == 2 and parents[0] == facts.base else facts.head
    return paragraph(f"<sub>Before: {code(facts.base[:10])}, after: {code(head[:10])}.</sub>")
