"""What a pull request of a DVC project changes and what came of it, as Markdown on standard output.

    python dvc_summary.py --base origin/main

It runs by itself in any DVC repository, without a network: it needs Git, and the Python that DVC is installed in. It is
one file so that other projects can copy it. It is about commits, HEAD and where its branch left the base's, not about
files that are not committed.

What others wrote (names, values) is shown and never rendered: it stands in HTML blocks, where no Markdown is read,
escaped and inside <code> or <pre>, where GitHub makes no links and tells nobody who is mentioned.
"""

import argparse
import json
import math
import posixpath
import re
import subprocess
import sys
from collections.abc import Container, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

MOST = 65_536  # characters of a comment on GitHub
ROWS = 30  # of a table
LONG = 120  # characters of a name or value
NARROW = 20  # characters of a name that may be broken
POINTS = 60  # of a line in a picture
AXIS = 40  # characters beside an axis
FLAT = 3  # times higher than the rest: the start of a curve beside which the rest would be flat
COLOURS = {"orange": "#d9730d", "blue": "#2f6fde"}  # of before and after: told apart by the colour-blind, too
SAME = "the same bits"
MISSING = ("deleted", "not in cache")  # what DVC says of a file that nobody has made here


class Refused(Exception):
    """It cannot be done; the message is one line that says why, and what would help."""


class Stage(NamedTuple):
    """What dvc.lock says of a stage: its command, and hash or value by name of its files and params."""

    cmd: str
    deps: dict[str, str]
    params: dict[str, str]
    outs: dict[str, str]


Stages = dict[str, Stage]  # in the order in which they run


class File(NamedTuple):
    """A file that was changed: lines added and removed (None of a binary file), and the stages that depend on it."""

    path: str
    lines: tuple[int, int] | None
    stages: list[str]


class Facts(NamedTuple):
    """All that is known of a change.

    base, head      commits: where the branch left the base's, and HEAD
    params, metrics, plots   what DVC's `diff --json` says; None and a line in `complaints` where it fails
    before, after   the stages of base and head
    stale           by stage, inputs and outputs that are not those of HEAD's dvc.lock; empty where it is not known
    uncommitted     whether there are changes that are in no commit
    """

    base: str
    head: str
    params: dict[str, Any]
    metrics: dict[str, Any]
    plots: dict[str, Any]
    files: list[File]
    before: Stages
    after: Stages
    stale: dict[str, list[str]]
    uncommitted: bool
    complaints: list[str]


def main() -> None:
    """Print the summary of this folder's project."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--base", metavar="REF", required=True, help="what to compare with: origin/main")
    parser.add_argument("--rebuilt", metavar="FOLDER", help="a clone of HEAD in which `dvc repro` has run: .")
    given = parser.parse_args()
    try:
        again = stages_of(locks_of("HEAD", Path(given.rebuilt)), given.rebuilt) if given.rebuilt else None
        facts = facts_of(given.base)
        rebuilt = list(reproduced(facts.after, again)) if again else []
        facts = facts._replace(uncommitted=facts.uncommitted and not again)  # what was made again may differ
    except Refused as refused:
        sys.stderr.write(f"{in_line(str(refused))}\n")
        sys.exit(2)
    first = verdict(Changed=changed(facts), Results=parted(facts))
    print(limited([first, *warnings(facts), *rebuilt, *changes(facts), *results(facts), *curves(facts), foot(facts)]))


# What is known.


def facts_of(ref: str) -> Facts:
    """Return the facts of HEAD beside where its branch left REF's. Raises Refused."""
    git("rev-parse", "--git-dir")
    try:
        tip = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}").strip()
    except Refused:
        raise Refused(f"--base: no commit {ref} here; `git fetch` brings a branch: origin/main, say") from None
    head = git("rev-parse", "--verify", "HEAD").strip()
    try:
        base = git("merge-base", tip, head).strip()
    except Refused:
        shallow = "a clone with all commits has one: `git fetch --unshallow`, or fetch-depth: 0 of actions/checkout"
        raise Refused(f"--base: {ref} and HEAD have no commit in common; {shallow}") from None
    names = set(names_in(head))
    if not any(posixpath.basename(path) == "dvc.yaml" for path in names):
        raise Refused("dvc.yaml: none in HEAD, in this folder or below; start it in a DVC project's folder")
    uncommitted = bool(git("status", "--porcelain", "--untracked-files=no"))
    asked = {name: [name, "diff", "--json", base, head] for name in ("params", "metrics")}
    asked["plots"] = ["plots", "diff", "--json", "--split", base, head]
    asked |= {} if uncommitted else {"status": ["status", "--json"]}
    with ThreadPoolExecutor() as pool:
        answers = dict(zip(asked, pool.map(lambda each: dvc(*each), asked.values()), strict=True))
    before, after = (stages_of(locks_of(commit), commit[:10]) for commit in (base, head))
    status = answers.get("status", ({}, ""))[0] if after else {}
    return Facts(
        base, head, answers["params"][0], answers["metrics"][0], answers["plots"][0].get("data", {}),
        changed_files(base, head, after), before, after, not_of_lock(status, after, names),
        uncommitted, [complaint for _, complaint in answers.values() if complaint],
    )  # fmt: skip


def git(*arguments: str) -> str:
    """Return what git prints. Raises Refused with its reason."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except OSError as error:
        raise Refused(f"git: {error.strerror}") from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit {done.returncode}"]
        raise Refused(f"git {arguments[0]}: {reason[0]}")
    return done.stdout.decode(errors="replace")


def dvc(*arguments: str) -> tuple[dict[str, Any], str]:
    """Return the JSON that DVC prints, and a complaint, which is empty where all is well."""
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, check=False)
    said = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    wrong = said if done.returncode else [line for line in said if "failed" in line]
    complaint = f"dvc {arguments[0]}: {wrong[0] if wrong else f'exit {done.returncode}'}"
    try:
        found = json.loads(done.stdout or "{}")
    except ValueError:
        return {}, complaint
    return found if isinstance(found, dict) else {}, complaint if wrong or done.returncode else ""


def names_in(commit: str) -> list[str]:
    """Return the path of each file in this folder and below, at the commit."""
    return git("ls-tree", "-r", "-z", "--name-only", commit).split("\0")[:-1]


def locks_of(commit: str, folder: Path | None = None) -> dict[str, str]:
    """Return each dvc.lock of the commit by its path, or as it is in the folder. Raises Refused where it is not there.

    Of a commit there may be none.
    """
    paths = [path for path in names_in(commit) if posixpath.basename(path) == "dvc.lock"]
    if folder is None:
        return {path: git("show", f"{commit}:./{path}") for path in paths}
    try:
        return {path: (folder / path).read_text(encoding="utf-8") for path in paths}
    except (OSError, UnicodeError) as error:
        raise Refused(f"--rebuilt: {error}; allowed is a clone of HEAD in which `dvc repro` has run") from None


def stages_of(locks: Mapping[str, str], where: str = "HEAD") -> Stages:
    """Return the stages of the dvc.lock files, each after those whose files it reads.

    Raises Refused, which says where the files are.
    """
    try:
        from ruamel.yaml import YAML  # noqa: PLC0415  a message is better than a traceback
    except ImportError:
        raise Refused(f"{sys.executable} has no ruamel.yaml: start this with the Python that has DVC") from None
    found: Stages = {}
    try:
        for path, text in locks.items():
            folder = posixpath.dirname(path)
            for name, entry in YAML(typ="safe", pure=True).load(text)["stages"].items():
                found[f"{folder}/dvc.yaml:{name}" if folder else name] = _stage(entry, folder)
        makers = makers_of(found)
        graph = {name: {makers[dep] for dep in stage.deps if dep in makers} for name, stage in found.items()}
        return {name: found[name] for name in TopologicalSorter(graph).static_order()}
    except Exception as error:  # noqa: BLE001  ruamel raises of many kinds
        raise Refused(f"dvc.lock of {where}: not as DVC writes it: {' '.join(str(error).split())[:LONG]}") from None


def makers_of(stages: Stages) -> dict[str, str]:
    """Return by whom each file is made that a stage makes, those that others read out of its folders among them."""
    made = {out: name for name, stage in stages.items() for out in stage.outs}
    read = {dep for stage in stages.values() for dep in stage.deps if dep not in made}
    return made | {dep: name for dep in read for out, name in made.items() if within(dep, out)}


def _stage(entry: Any, folder: str) -> Stage:
    def hashes(kind: str) -> dict[str, str]:
        return {
            posixpath.normpath(posixpath.join(folder, each["path"])): str(each.get(each.get("hash", "md5"), each))
            for each in entry.get(kind, [])
        }

    params = {
        name: json.dumps(value, default=str)
        for file, values in entry.get("params", {}).items()
        for name, value in leaves(values, "" if file == "params.yaml" else f"{file}:")
    }
    return Stage(str(entry.get("cmd", "")), hashes("deps"), params, hashes("outs"))


def leaves(nested: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the values in nested mappings under dotted names."""
    if not isinstance(nested, dict) or not nested:
        yield prefix.removesuffix("."), nested
        return
    for key, value in nested.items():
        yield from leaves(value, f"{prefix}{key}.")


def changed_files(base: str, head: str, stages: Stages) -> list[File]:
    """Return the files that were changed, results left out; those that a stage depends on come first."""
    made = {out for stage in stages.values() for out in stage.outs}
    found = []
    for line in git("diff", "--numstat", "-z", "--no-renames", "--relative", base, head).split("\0")[:-1]:
        added, removed, path = line.split("\t", 2)
        if posixpath.basename(path) != "dvc.lock" and not any(within(path, out) for out in made):
            users = [name for name, stage in stages.items() if any(within(path, dep) for dep in stage.deps)]
            found.append(File(path, None if added == "-" else (int(added), int(removed)), users))
    return sorted(found, key=lambda file: (not file.stages, file.path))


def within(path: str, folder: str) -> bool:
    """Return whether the path is the folder, or lies in it."""
    return path == folder or path.startswith(f"{folder}/")


def not_of_lock(status: Mapping[str, Any], stages: Stages, tracked: Container[str]) -> dict[str, list[str]]:
    """Return by stage what DVC's status says is not as dvc.lock has it: inputs that no stage makes, outputs in Git."""
    made = makers_of(stages)
    found: dict[str, list[str]] = {}
    for stage, entries in status.items():
        names = found.setdefault(stage, [])
        for entry in entries:
            if not isinstance(entry, dict):
                names.append("cmd")  # it is "changed command"
                continue
            for path, how in entry.get("changed deps", {}).items():
                params = how if isinstance(how, dict) else {path: how}
                names += [name for name, how in params.items() if how not in MISSING and path not in made]
            names += [
                path for path, how in entry.get("changed outs", {}).items() if how not in MISSING and path in tracked
            ]
    return {stage: names for stage, names in found.items() if names}


def inputs_changed(before: Stage, after: Stage, made: Container[str]) -> list[str]:
    """Return the inputs that changed between the two and that no stage makes: params, files, the command."""
    deps = [name for name in before.deps | after.deps if before.deps.get(name) != after.deps.get(name)]
    params = [name for name in before.params | after.params if before.params.get(name) != after.params.get(name)]
    return [
        *sorted(params),
        *(name for name in deps if name not in made),
        *(["cmd"] if before.cmd != after.cmd else []),
    ]


def outs_changed(before: Stage, after: Stage) -> list[str]:
    """Return the outputs that are not the same bits in both."""
    return [name for name in before.outs | after.outs if before.outs.get(name) != after.outs.get(name)]


def stages_that_differ(facts: Facts) -> list[str]:
    """Return the stages that are not there on both sides, or whose outputs are not the same bits, the first first."""
    return [
        name
        for name in facts.before | facts.after
        if name not in facts.before or name not in facts.after or outs_changed(facts.before[name], facts.after[name])
    ]


# What is said. A block is text between empty lines; what is said in one line is HTML that goes into a block.


def in_line(text: str) -> str:
    """Return the text with all that is not printable as escapes: line ends, controls, direction marks."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def code(value: object, long: int = LONG) -> str:
    """Return somebody else's text as HTML that shows it; names may be broken after _ and / where a column is narrow."""
    text = in_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
    shown = escape(text if len(text) <= long else f"{text[:long]}…")
    return f"<code>{re.sub('(?<=[_/])(?=.)', '<wbr>', shown) if len(text) > NARROW else shown}</code>"


def listed(names: Iterable[str], most: int = 6) -> str:
    """Return the names as code, some of them where they are many."""
    found = list(dict.fromkeys(names))
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(map(code, found[:most])) + more


def paragraph(html: str) -> str:
    """Return a block."""
    return f"<p>{html}</p>"


def verdict(**said: str) -> str:
    """Return the block that a reader in a hurry reads: a line for each thing that is said."""
    lines = (f"<li><b>{name.replace('_', ' ')}:</b> {html}</li>" for name, html in said.items() if html)
    return "\n".join(["<ul>", *lines, "</ul>"])


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a block: a table of HTML cells, of many rows the first."""
    found = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    more = [f'<td colspan="9">and {len(found) - ROWS:,} more</td>'] if len(found) > ROWS else []
    lines = ["".join(f"<th>{cell}</th>" for cell in head), *found[:ROWS], *more]
    return "\n".join(["<table>", *(f"<tr>{line}</tr>" for line in lines), "</table>"])


def folded(title: str, *blocks: str, opened: bool = False) -> str:
    """Return the blocks as one that opens at a click."""
    return "\n\n".join([f"<details{' open' * opened}><summary>{title}</summary>", *blocks, "</details>"])


def limited(blocks: Iterable[str]) -> str:
    """Return the blocks that a comment on GitHub has room for, and where that is not all, a line that says so."""
    kept, left = [], MOST - 300
    found = [block for block in blocks if block]
    for block in found:
        if len(block) + 2 > left:
            kept.append(paragraph(f"Cut here: {MOST:,} characters are the most that GitHub shows in a comment."))
            break
        kept.append(block)
        left -= len(block) + 2
    return "\n\n".join(kept)


def changed(facts: Facts) -> str:
    """Return in a line what was changed."""
    params = [name for _, name, *_ in param_rows(facts)]
    inputs = [file for file in files_apart(facts) if file.stages]
    others = [file for file in files_apart(facts) if not file.stages]
    said = [
        *([f"{plural(len(params), 'parameter')} ({listed(params)})"] if params else []),
        *([f"{plural(len(inputs), 'file')} that stages depend on"] if inputs else []),
        *([plural(len(others), "other file")] if others else []),
    ]
    return f"{', '.join(said) or 'no parameter and no file, results apart'}."


def plural(count: int, what: str) -> str:
    """Return `1 file`, `2 files`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def parted(facts: Facts) -> str:
    """Return in a line or two where the results part first, and what that means."""
    if not (facts.before and facts.after):
        return f"{'HEAD' if facts.before else 'The base'} has no dvc.lock, so there are no results to compare."
    differ = stages_that_differ(facts)
    if not differ:
        return f"All outputs are the base's bits: {plural(sum(len(s.outs) for s in facts.after.values()), 'output')}."
    first = differ[0]
    kept = [name for name in facts.after if name not in differ and facts.after[name].outs]
    start = f"The same bits in {listed(kept)}; {code(first)}" if kept else code(first)
    if first not in facts.before or first not in facts.after:
        return f"{start} is {'new' if first in facts.after else 'gone'}, the first stage that is not on both sides."
    why = reasons(facts, first)
    return f"{start} is the first with other outputs, {f'because of {why}' if why else f'from {UNEXPLAINED}'}."


UNEXPLAINED = "the same inputs: it does not repeat itself, or depends on something that dvc.yaml does not name"


def reasons(facts: Facts, name: str) -> str:
    """Return the inputs of a stage that changed, those that other stages make by their names."""
    before, after = facts.before[name], facts.after[name]
    made = makers_of(facts.before | facts.after)
    earlier = [made[dep] for dep in after.deps if dep in made and before.deps.get(dep) != after.deps[dep]]
    own = inputs_changed(before, after, made)
    return "; ".join([*([listed(own)] if own else []), *([f"the outputs of {listed(earlier)}"] if earlier else [])])


def warnings(facts: Facts) -> Iterator[str]:
    """Yield a block for each thing that a reader has to know before all else."""
    if facts.stale:
        each = "; ".join(f"{code(stage)}: {listed(names)}" for stage, names in facts.stale.items())
        yield paragraph(
            f"⚠️ Not as <code>dvc.lock</code> has it: {each}. <code>dvc repro</code> makes the results anew."
        )
    if facts.uncommitted:
        yield paragraph("Changes that are not committed are not in this.")
    yield from (paragraph(f"Not known: {code(complaint, 400)}") for complaint in facts.complaints)


def param_rows(facts: Facts) -> list[tuple[str, str, Any, Any]]:
    """Return file, name, old and new value of each param that changed."""
    return [
        (file, name, values.get("old"), values.get("new"))
        for file, params in facts.params.items()
        for name, values in sorted(params.items())
    ]


def files_apart(facts: Facts) -> list[File]:
    """Return the files that were changed, but for those whose params are shown."""
    return [file for file in facts.files if file.path not in facts.params]


def changes(facts: Facts) -> Iterator[str]:
    """Yield the blocks about what was changed."""
    yield "### What was changed"
    params = param_rows(facts)
    if params:
        yield by_file(
            "parameter", ("before", "after"), ((file, name, *map(value, both)) for file, name, *both in params)
        )
    files = files_apart(facts)
    if files:
        lines = [file.lines for file in files if file.lines]
        sums = f"+{sum(a for a, _ in lines):,} −{sum(r for _, r in lines):,} lines"
        rows = (
            (
                code(file.path),
                "binary" if file.lines is None else f"+{file.lines[0]:,} −{file.lines[1]:,}",
                listed(file.stages, 3) if file.stages else "no stage",
            )
            for file in files
        )
        listing = table(("file", "lines", "depends on it"), rows)
        yield folded(f"{plural(len(files), 'file')}, {sums}", listing, opened=not params)
    data = list(data_rows(facts))
    if data:
        yield table(("data", "before", "after"), data)
    if not (params or files or data):
        yield "Nothing, results apart."


def data_rows(facts: Facts) -> Iterator[list[str]]:
    """Yield path, old and new hash of each dependency that no stage makes and whose change Git does not show."""
    made = makers_of(facts.before) | makers_of(facts.after)
    old, new = (
        {dep: digest for stage in side.values() for dep, digest in stage.deps.items() if dep not in made}
        for side in (facts.before, facts.after)
    )
    for dep in old | new if facts.before and facts.after else ():
        if old.get(dep) != new.get(dep) and not any(within(file.path, dep) for file in facts.files):
            yield [code(dep), *(code(side[dep][:12]) if dep in side else "–" for side in (old, new))]


def by_file(what: str, head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of values by file and name; where the file is always the same, it has no column."""
    found = [(code(file), code(name), *cells) for file, name, *cells in rows]
    files = {file for file, *_ in found}
    if len(files) == 1:
        return table((f"{what} in {files.pop()}", *head), (cells for _, *cells in found))
    return table((what, *head, "file"), ((*cells, file) for file, *cells in found))


def value(each: Any) -> str:
    """Return a value of params or metrics."""
    return "–" if each is None else code(each)


def results(facts: Facts) -> Iterator[str]:
    """Yield the blocks about what came of it: metrics, and stage by stage."""
    yield "### What came of it"
    rows = [
        (file, name, values.get("old"), values.get("new"), values.get("diff"))
        for file, metrics in facts.metrics.items()
        for name, values in sorted(metrics.items())
    ]
    if rows:
        head = ("before", "after", "change")
        yield by_file("metric", head, ((file, name, *figures(*values)) for file, name, *values in rows))
    else:
        yield "No metric has changed."
    listing = table(("stage", "outputs", "what it comes from"), stage_rows(facts))
    yield folded("Stage by stage", listing, opened=bool(stages_that_differ(facts)))


def figures(old: Any, new: Any, change: Any) -> list[str]:
    """Return both values with six digits, or in full where these are the same, and the change."""
    short = [f"{each:.6g}" if isinstance(each, float) else each for each in (old, new)]
    shown = (old, new) if short[0] == short[1] else short
    both = ["–" if each is None else code(each) for each in shown]
    number = isinstance(change, int | float) and not isinstance(change, bool)
    return [*both, code(f"{change:+.4g}" if isinstance(change, float) else f"{change:+,}") if number else ""]


def stage_rows(facts: Facts) -> Iterator[list[str]]:
    """Yield name, what became of the outputs, and why, of each stage."""
    for name in facts.before | facts.after:
        if name not in facts.before or name not in facts.after:
            yield [code(name), "new" if name in facts.after else "gone", ""]
            continue
        before, after = facts.before[name], facts.after[name]
        other, why = outs_changed(before, after), reasons(facts, name)
        if not after.outs:
            said = "no file to compare"
        elif not other:
            said = SAME
        else:
            same = len(after.outs) - len(other)
            said = f"other: {listed(other)}" + (f"; {same} the same" if same > 0 else "")
        yield [code(name), said, f"changed: {why}" if why else f"<b>{UNEXPLAINED}</b>" if other else "the same inputs"]


def reproduced(committed: Stages, rebuilt: Stages) -> Iterator[str]:
    """Yield the blocks about which committed outputs a rebuild made again."""
    yield "### What reproduced"
    differ = [name for name in committed if name not in rebuilt or outs_changed(committed[name], rebuilt[name])]
    if not differ:
        count = plural(sum(len(stage.outs) for stage in committed.values()), "output")
        yield paragraph(f"Rebuilt from HEAD: all {count} have the committed hashes.")
        return
    rows = []
    for name in differ:
        if name not in rebuilt:
            rows.append([code(name), "not made", ""])
            continue
        own = inputs_changed(committed[name], rebuilt[name], makers_of(committed))
        why = f"dvc.lock was committed with other {listed(own)}" if own else ""
        rows.append([code(name), f"other: {listed(outs_changed(committed[name], rebuilt[name]))}", why])
    yield paragraph(f"Rebuilt from HEAD: {code(differ[0])} is the first whose outputs are not the committed ones.")
    yield table(("stage", "outputs", "why"), rows)


def foot(facts: Facts) -> str:
    """Return the last block: which commits. Of a merge that GitHub made to try it, the branch's own."""
    parents = git("rev-list", "--parents", "--max-count=1", facts.head).split()[1:]
    head = parents[1] if len(parents) == 2 and parents[0] == facts.base else facts.head
    return paragraph(f"<sub>Before: {code(facts.base[:10])}, after: {code(head[:10])}.</sub>")


# Curves.


class Curve(NamedTuple):
    """One plot: its title, what its axes are called, and on both sides y by x, in the order of x."""

    title: str
    x: str
    y: str
    base: dict[float, float]
    head: dict[float, float]


def curves(facts: Facts) -> Iterator[str]:
    """Yield a block for each plot that changed: both lines in a picture that GitHub draws. The first one is open."""
    if facts.plots:
        yield "### Curves"
    opened, same, others = True, list[str](), list[str]()
    for title, entries in facts.plots.items():
        found = [curve for entry in entries for curve in curves_of(title, entry, facts)]
        others += [] if found else [title]
        for curve in found:
            if curve.base == curve.head:
                same.append(curve.title)
            elif drawn := picture(curve):
                yield folded(code(curve.title), *drawn, opened=opened)
                opened = False
            else:
                others.append(curve.title)
    yield paragraph(f"The same on both sides: {listed(same, ROWS)}.") if same else ""
    yield paragraph(f"Not two lines that could be drawn: {listed(others, ROWS)}.") if others else ""


def curves_of(title: str, entry: Mapping[str, Any], facts: Facts) -> Iterator[Curve]:
    """Yield the curves of a plot that DVC would draw with Vega; of one with many columns, each."""
    content = entry.get("content")
    anchors = entry.get("anchor_definitions", {})
    rows = anchors.get("<DVC_METRIC_DATA>", [])
    x, y = (_field(content, axis) for axis in "xy")
    groups: dict[tuple[str, ...], dict[str, dict[float, float]]] = {}
    for row in rows if x and y and isinstance(rows, list) else ():
        try:
            at, this = float(row[x]), float(row[y])
        except (KeyError, TypeError, ValueError):
            continue
        if math.isfinite(at) and math.isfinite(this):
            key = tuple(str(row[name]) for name in ("filename", "field") if name in row)
            groups.setdefault(key, {}).setdefault(str(row.get("rev")), {})[at] = this
    across, upwards, name = (
        str(anchors.get(f"<DVC_METRIC_{what}>") or otherwise)
        for what, otherwise in (("X_LABEL", x), ("Y_LABEL", y), ("TITLE", title))
    )
    for key, sides in groups.items():
        base, head = (dict(sorted(sides.get(commit, {}).items())) for commit in (facts.base, facts.head))
        yield Curve(" ".join([name, *(key if len(groups) > 1 else ())]), across, upwards, base, head)


def _field(content: Any, axis: str) -> str:
    """Return the column that a Vega specification draws along the axis."""
    if isinstance(content, dict):
        encoding = content.get("encoding")
        found = encoding.get(axis) if isinstance(encoding, dict) else None
        if isinstance(found, dict) and isinstance(found.get("field"), str):
            return str(found["field"]).replace("\\", "")
    parts = content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    return next(filter(None, (_field(part, axis) for part in parts)), "")


def picture(curve: Curve) -> list[str]:
    """Return the blocks of a picture, or none where the two sides have no stretch of x in common.

    Mermaid draws a line's points equally far apart, so of so many places along x the nearest point of each is taken.
    """
    sides, notes = part_to_draw([curve.base, curve.head])
    low, high = (max(map(min, sides)), min(map(max, sides))) if all(sides) else (0.0, 0.0)
    if low >= high:
        return []
    count = min(POINTS, max(map(len, sides)))
    places = [low + (high - low) * n / (count - 1) for n in range(count)]
    lines = [[side[min(side, key=lambda at: abs(at - place))] for place in places] for side in sides]
    bottom, top = min(map(min, lines)), max(map(max, lines))
    margin = (top - bottom) / 20 or abs(top) / 20 or 1.0
    ends = [line[-1] for line in lines]
    upper = [" (the upper one there)" if end > min(ends) else "" for end in ends]
    named = [
        f"{side} is {colour} and ends at {code(f'{end:.6g}')}{where}"
        for side, colour, end, where in zip(("before", "after"), COLOURS, ends, upper, strict=True)
    ]
    notes += [f"Each line has {POINTS} of its points."] if max(map(len, sides)) > POINTS else []
    labels = [" ".join(re.findall(r"[A-Za-z0-9_.,()/%-]+", label))[:AXIS] for label in (curve.x, curve.y)]
    drawn = [
        "```mermaid", "---", "config:", "  xyChart:", "    width: 720", "    height: 320", "  themeVariables:",
        "    xyChart:", f'      plotColorPalette: "{", ".join(COLOURS.values())}"', "---", "xychart-beta",
        f'  x-axis "{labels[0]}" {low:.12g} --> {high:.12g}',
        f'  y-axis "{labels[1]}" {bottom - margin:.6g} --> {top + margin:.6g}',
        *(f"  line [{', '.join(f'{each:.6g}' for each in line)}]" for line in lines), "```",
    ]  # fmt: skip
    said = "; ".join(named)
    return ["\n".join(drawn), paragraph(" ".join([f"{said[0].upper()}{said[1:]}.", *notes]))]


Side = dict[float, float]


def part_to_draw(sides: list[Side]) -> tuple[list[Side], list[str]]:
    """Return what of both sides is drawn, the part of x that both have, and sentences about what is left out."""
    if not all(sides):
        return sides, []
    low, high = max(map(min, sides)), min(map(max, sides))
    notes = [f"Up to {high:g}, where the shorter one ends."] if max(map(max, sides)) > high else []
    whole, late = ([between(side, start, high) for side in sides] for start in (low, low + (high - low) / 20))
    if all(late) and spread(whole) > FLAT * spread(late) > 0:
        return late, [*notes, "The first twentieth is left out: beside it the rest would be flat."]
    return whole, notes


def between(side: Side, low: float, high: float) -> Side:
    """Return the points from one place to another."""
    return {at: this for at, this in side.items() if low <= at <= high}


def spread(sides: list[Side]) -> float:
    """Return how far the lines reach up and down."""
    seen = [this for side in sides for this in side.values()]
    return max(seen) - min(seen)


if __name__ == "__main__":
    main()
