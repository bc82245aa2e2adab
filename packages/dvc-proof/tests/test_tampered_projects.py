"""Tampered repositories: each is found, with the difference and its cause."""

import re

import pytest
from repositories import SHOWN, Repository, both, edit, table_in_git, without_lock_of_count

CLOCK = "  clock:\n    cmd: date +%N > clock.txt\n    outs: [clock.txt: {cache: false}]\n"
LATER = "  later:\n    cmd: echo '{}' > count.json && echo 1 > one.txt\n    deps: [parts]\n    outs: [one.txt]\n"
MORE = """\
stages:
  more:
    cmd: tr A-Z a-z < ../words.txt > low.txt
    deps: [../words.txt]
    outs: [low.txt: {cache: false}]
"""


def stage(text: str, *, then=None, rerun: bool = True):
    """Add a stage to dvc.yaml, run the pipeline, commit, and plant something else."""

    def plant(project: Repository) -> None:
        with (project.folder / "dvc.yaml").open("a") as file:
            file.write(text)
        if rerun:
            project.run("dvc", "repro", "-q", "--force")
        project.commit()
        if then:
            then(project)

    return plant


def metric_and_lock(project):
    project.edit("count.json", "10", "11")
    project.relock("count.json")


def code_and_lock(project):
    project.edit("count.py", "times *", "1 + times *")
    project.relock("count.py")


def hash_of(path: str, digest: str = "a" * 32):
    def plant(project):
        lock = project.folder / "dvc.lock"
        text, count = re.subn(rf"(path: {path}\n +hash: md5\n +md5: )\w+", rf"\g<1>{digest}", lock.read_text())
        assert count
        lock.write_text(text)

    return plant


def part_edited(project):
    """The lock has the hash of a folder with another file; the cache has its list."""
    (project.folder / "parts/aa").unlink()
    (project.folder / "parts/aa").write_text("OTHER WORDS\n")
    project.run("dvc", "commit", "-f", "-q", "split")


def replaced(project):
    """Git shows an honest commit in place of the claim."""
    project.edit("count.json", "10", "12")
    project.run("git", "replace", project.commit(), "HEAD~1")


def shown_edited(project):
    project.edit("count.py", "json.dump(", "open('extra.json', 'w').write('[1]\\n')\njson.dump(")
    project.edit("dvc.yaml", "stages:\n", SHOWN)
    project.run("dvc", "repro", "-q")
    project.commit()
    project.write(extra__json="[2]\n")


def second_pipeline(project):
    project.write(sub_in_dvc__yaml=MORE)
    project.run("dvc", "repro", "-q", "--all-pipelines")
    project.commit()
    project.edit("sub/low.txt", "some", "any")


def frozen(project):
    project.edit("dvc.yaml", "  count:\n", "  count:\n    frozen: true\n")
    project.edit("count.json", "10", "9")


def broken_link(project):
    path = project.folder / "count.json"
    path.unlink()
    path.symlink_to("nowhere.json")


def has(line: str, words: str) -> bool:
    """Return whether the line has the words; `…` stands for others."""
    return re.search(re.escape(words).replace("…", ".*"), line) is not None


OTHER_INPUTS = "from the same inputs"
DIFFERENT = {  # what was done to the commit, the line of the difference, and the cause
    "a metric": (
        edit(("count.json", "10", "9")),
        "count: count.json: words: committed 9, rebuilt 10",
        "count.json: edited after count made it: dvc.lock has the hash of what was rebuilt",
    ),
    "a metric that was no number": (
        edit(("count.json", "NaN", "0.9")),
        "count: count.json: no: committed 0.9, rebuilt NaN",
        "edited after",
    ),
    "a hash of a metric": (
        hash_of("count.json"),
        "count: count.json: dvc.lock has aaaaaaaa…, rebuilt ",
        "count makes other hashes from the same inputs",
    ),
    "a hash of an output": (
        hash_of("words.txt"),
        "words: words.txt: dvc.lock has aaaaaaaa",
        "words makes other hashes",
    ),
    "a metric and its hash": (
        metric_and_lock,
        "count: count.json: words: committed 11, rebuilt 10",
        "it was edited, and `dvc commit` wrote its hash",
    ),
    "a metric and another hash": (
        both(metric_and_lock, edit(("count.json", "11", "12"))),
        "count: count.json: words: committed 12",
        "edited after count made it: dvc.lock has another hash",
    ),
    "a param": (
        edit(("params.yaml", "2", "3")),
        "count: count.json: words: committed 10, rebuilt 15",
        "dvc.lock was made with times 2, params.yaml has 3 (stages: count)",
    ),
    "a param in the lock": (
        edit(("dvc.lock", "times: 2", "times: 3")),
        "count: dvc.lock: dvc.lock was made with times 3",
        "dvc.lock was made with times 3",
    ),
    "a param that only the lock has": (
        edit(("dvc.lock", "times: 2", "times: 2\n        eta: 1")),
        "dvc.lock was made with eta 1, params.yaml has nothing",
        "",
    ),
    "code": (
        edit(("count.py", "times *", "1 + times *")),
        "count: count.json: words: committed 10, rebuilt 11",
        "dvc.lock was made with another count.py",
    ),
    "code and its hash": (code_and_lock, "count: count.json: words: committed 10, rebuilt 11", OTHER_INPUTS),
    "a comment": (
        edit(("count.py", "import", "# x\nimport")),
        "count: dvc.lock: dvc.lock was made with another count.py",
        "",
    ),
    "an input": (
        edit(("raw.txt", "here", "here too")),
        "words: words.txt: dvc.lock has",
        "dvc.lock was made with another raw.txt (stages: words)",
    ),
    "an input's hash": (hash_of("raw.txt"), "words: dvc.lock: dvc.lock was made with another raw.txt", ""),
    "a command": (
        edit(("dvc.yaml", "a-z A-Z", "a-y A-Y")),
        "words: dvc.lock: dvc.lock was made with cmd tr a-z A-Z",
        "",
    ),
    "a size": (
        edit(("dvc.lock", "size: 24", "size: 23")),
        "count: count.json: the same hash, but recorded size 23",
        "",
    ),
    "a number of files": (
        edit(("dvc.lock", "nfiles: 2", "nfiles: 3")),
        "split: parts: the same hash, but recorded nfiles 3, here 2",
        "",
    ),
    "an output that dvc.yaml lacks": (
        edit(("dvc.yaml", "    outs: [parts]\n", "")),
        "split: parts: dvc.lock has it, and dvc.yaml does not name it",
        "",
    ),
    "data in Git": (table_in_git, "data, not rebuilt: table.csv: it is not the data of its .dvc file: recorded", ""),
    "the size of data": (
        edit(("table.csv.dvc", "size: 8", "size: 9")),
        "table.csv: it is not the data of its .dvc file: the same hash, but recorded size 9, here 8",
        "",
    ),
    "a file of a folder": (part_edited, "split: parts: dvc.lock has …; 1 file of the folder: aa", OTHER_INPUTS),
    "a commit behind another": (replaced, "count: count.json: words: committed 12, rebuilt 10", ""),
    "a metric of no stage": (shown_edited, "dvc.yaml: extra.json: 0: committed 2, rebuilt 1", ""),
    "a second dvc.yaml": (
        second_pipeline,
        "sub/dvc.yaml:more: sub/low.txt: line 1: committed 'any",
        "sub/low.txt: edited after",
    ),
    "an output of a frozen stage": (frozen, "count: count.json: it is not what dvc.lock has", ""),
    "a metric without a lock": (
        both(without_lock_of_count, edit(("count.json", "10", "8"))),
        "count: count.json: words: committed 8",
        "",
    ),
    "a link in place of a result": (broken_link, "count: count.json: it is not committed", ""),
    "a later stage": (stage(LATER), "count: count.json: a later stage overwrites", ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DIFFERENT)
def test_a_tampered_commit_is_different(project, name):
    plant, difference, cause = DIFFERENT[name]
    plant(project)
    project.commit()
    lines = project.proof("verify", expect=1).splitlines()
    assert [line for line in lines if line.startswith("DIFFERENT  ") and has(line, difference)], lines
    assert not cause or [line for line in lines if line.startswith("cause  ") and has(line, cause)], lines
    assert re.search(r"^\d same, [1-9] different, \d not verified$", lines[-1])


@pytest.mark.slow
def test_a_clock_is_found_by_a_second_run(project):
    stage(CLOCK)(project)
    assert "DIFFERENT  clock: clock.txt: two runs here differ" in project.proof("verify", "--twice", expect=1)
