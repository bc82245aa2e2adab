"""Write the sentences and blocks of `dvc-proof summary`: warnings, changes and results."""

from collections.abc import Callable, Iterator
from typing import Any

from dvc_proof.differences import equal
from dvc_proof.facts import Change, Facts
from dvc_proof.markdown import code, codes, folded, headline, limited, paragraph, table
from dvc_proof.words import number_of

SAME, LOCK = "the same bits", "<code>dvc.lock</code>"
UNEXPLAINED = "the same inputs: it is not deterministic, or depends on something that dvc.yaml does not name"


def changed(facts: Facts) -> str:
    """Return a sentence, as HTML, with how many params and files changed; the changed params are named."""
    if not (facts.params or facts.is_known("params")):
        return f"{number_of(len(facts.files), 'file')}; whether a parameter changed is not known."
    params = [name for names in facts.params.values() for name in sorted(names)]
    parts = [f"{number_of(len(params), 'parameter')} ({codes(params)})"] if params else []
    parts += [number_of(len(facts.files), "file")] if facts.files else []
    return f"{', '.join(parts) or 'no parameter and no file except results'}."


def parted(facts: Facts) -> str:
    """Return a sentence, as HTML, about the first stage with differing outputs, and the inputs that explain why.

    If no stage differs, or a commit has no dvc.lock, the sentence says so. If files differ from HEAD's dvc.lock, the
    sentence says only what dvc.lock has.
    """
    if not (facts.before and facts.after):
        return f"{'HEAD' if facts.before else 'The base'} has no dvc.lock, so there are no results to compare."
    if facts.stale:
        return f"Files of {codes(facts.stale)} differ from {LOCK}; its hashes say: {_parted(facts)}"
    return _parted(facts)


def _parted(facts: Facts) -> str:
    first = next((change for change in facts.changes if change.apart), None)
    if not first:
        outputs = sum(len(stage.outs) for stage in facts.after.values())
        return f"All outputs have the same bits as the base's: {number_of(outputs, 'output')}."
    equal = [change.name for change in facts.changes if not change.apart and change.same]
    start = f"The same bits in {codes(equal)}; {code(first.name)}" if equal else code(first.name)
    if first.side:
        return f"{start} is {first.side}, the first stage that is not on both sides."
    why = _reasons(first)
    return f"{start} is the first with other outputs, {f'because of {why}' if why else f'from {UNEXPLAINED}'}."


def _reasons(change: Change) -> str:
    """Return the changed inputs of a stage as HTML; an input that another stage makes is shown by that stage's name."""
    outputs = [f"the outputs of {codes(change.earlier.values())}"] if change.earlier else []
    return "; ".join([*([codes(change.inputs)] if change.inputs else []), *outputs])


def warnings(facts: Facts) -> Iterator[str]:
    """Yield a block for each fact that makes the summary incomplete or its results doubtful.

    These are stale stages, uncommitted changes, and failed commands of DVC.
    """
    if facts.stale:
        stale = "; ".join(f"{code(stage)}: {codes(names)}" for stage, names in facts.stale.items())
        mend = "<code>dvc repro</code> makes the results again."
        yield paragraph(f"⚠️ Different from {LOCK}: {stale}. {mend}")
    if facts.uncommitted:
        yield paragraph("Uncommitted changes are not included.")
    yield from (paragraph(f"Not known: {code(complaint, 400)}") for complaint in facts.complaints)


def changes(facts: Facts) -> Iterator[str]:
    """Yield the blocks about changed params and files; a sentence if nothing except results is known to change."""
    yield "### Changes"
    yield (params := _by_file("parameter", facts.params, _both, "before", "after"))
    if facts.files:
        rows = ((code(path), codes(stages, 3) or "no stage") for path, stages in facts.files.items())
        listing = table(("file", "depends on it"), rows)
        yield folded(number_of(len(facts.files), "file"), listing, opened=not params)
    if not (params or facts.files) and facts.is_known("params"):
        yield "Nothing except results."


def _by_file(what: str, differences: dict[str, Any], cells: Callable[..., list[str]], *head: str) -> str:
    """Return a table with a row for each changed value; "" if there is none.

    what         noun for the first column, which has the value's name
    differences  output of `dvc params diff` or `dvc metrics diff`: by file and name, `old`, `new` and `diff`
    cells        function that returns the further cells of a row, from the keyword arguments old, new and diff
    head         titles of these cells; the last column is the file
    """
    rows = [
        [code(name), *cells(**values), code(file)]
        for file, names in differences.items()
        for name, values in sorted(names.items())
        if not equal(values.get("old"), values.get("new"))  # DVC lists a NaN that is still NaN
    ]
    return table((what, *head, "file"), rows) if rows else ""


def _both(old: Any = None, new: Any = None, **_: Any) -> list[str]:
    return ["–" if value is None else code(value) for value in (old, new)]


def _figures(old: Any = None, new: Any = None, diff: Any = None, **_: Any) -> list[str]:
    """Return three cells as HTML: the old value, the new value, and the change ("" if `diff` is no number).

    A value has six significant digits, or all digits if both values are equal in six.
    """
    short = [f"{value:.6g}" if isinstance(value, float) else value for value in (old, new)]
    number = isinstance(diff, int | float) and not isinstance(diff, bool) and diff == diff  # noqa: PLR0124  no NaN
    change = code(f"{diff:+.4g}" if isinstance(diff, float) else f"{diff:+,}") if number else ""
    return [*_both(*((old, new) if short[0] == short[1] else short)), change]


def results(facts: Facts) -> Iterator[str]:
    """Yield the blocks about the results: changed metrics, and a table with a row for each stage.

    The row has the outputs that differ and the inputs that changed.
    """
    yield "### Results"
    yield (metrics := _by_file("metric", facts.metrics, _figures, "before", "after", "change"))
    if not metrics and facts.is_known("metrics"):
        yield "No metric has changed."
    if facts.plots:
        yield paragraph(f"Plots that have changed: {codes(facts.plots)}.")
    rows = []
    for change in facts.changes:
        why, more = _reasons(change), f"; {change.same} the same" if change.same else ""
        outs = f"other: {codes(change.outs)}{more}" if change.outs else SAME if change.same else "no file to compare"
        outs += f"; files differ from {LOCK}" if change.name in (facts.stale or {}) else ""
        inputs = f"changed: {why}" if why else f"<b>{UNEXPLAINED}</b>" if change.outs else "the same inputs"
        rows.append([code(change.name), change.side, ""] if change.side else [code(change.name), outs, inputs])
    yield folded("Stage by stage", table(("stage", "outputs", "inputs"), rows))


def summary(facts: Facts) -> str:
    """Return the whole summary, at most as long as a comment on GitHub."""
    foot = paragraph(f"<sub>Before: {code(facts.base[:10])}, after: {code(facts.head[:10])}.</sub>")
    first = headline(Changed=changed(facts), Results=parted(facts))
    return limited([first, *warnings(facts), *changes(facts), *results(facts), foot])
