"""GitHub's workflows, run by act with stand-ins for make, charloom, dvc and gh: which jobs run, and on what."""

import json
from collections import Counter
from itertools import product

import pytest
from projects import ROOT, Project
from ruamel.yaml import YAML
from runners import Ran, act, needs_act, pull_request, repository

MACHINES = {*product(("ubuntu-24.04", "ubuntu-24.04-arm", "macos-15"), ("3.11", "3.14"))}
MACHINES |= {*product(("ubuntu-24.04",), ("3.12", "3.13"))}
REPRODUCED = {f"reproduce {os} {python}": "success" for os, python in MACHINES}
COMMENTED = REPRODUCED | {"summary": "success", "comment": "success"}
MARK = "<!-- dvc summary -->"
PUSH = {"ref": "refs/heads/main"}
pytestmark = [pytest.mark.slow, needs_act]


@pytest.fixture
def theirs(tmp_path) -> Project:
    return repository(tmp_path / "theirs")


def comments(ran: Ran) -> list[dict]:
    file = ran.artifacts.parent / "comments.json"
    return json.loads(file.read_text()) if file.exists() else []


def jobs_of(ran: Ran) -> list[str]:
    """Return the jobs of all calls, in their order, each once where it follows itself."""
    names = [call.partition(":")[0] for call in ran.calls]
    return [name for i, name in enumerate(names) if names[i - 1 : i] != [name]]


def test_a_pull_request_is_reproduced_and_summarised(theirs, tmp_path):
    """The comment of the push before is written anew, and nobody else's."""
    (tmp_path / "run").mkdir()
    others = {"id": 5, "user": {"type": "User"}, "body": f"{MARK} of somebody's"}
    ours = {"id": 6, "user": {"type": "Bot"}, "body": f"{MARK}\n\nof the push before\n"}
    (tmp_path / "run/comments.json").write_text(json.dumps([others, ours]))
    ran = act(theirs, tmp_path / "run", "reproduce.yml", "pull_request", pull_request())
    assert ran.jobs == COMMENTED, ran.printed
    assert jobs_of(ran) == ["reproduce", "summary", "comment"]
    names = {path.name for path in ran.artifacts.iterdir()}
    assert names == {f"verified-{os}-{python}" for os, python in MACHINES} | {"summary"}
    calls = Counter(call for call in ran.calls if call.startswith("reproduce: ") and "-" not in call.split()[1])
    assert calls == Counter(f"reproduce: make setup PYTHON=python{python}" for _, python in MACHINES) | {
        "reproduce: make check": 8,
        "reproduce: make test SLOW=1": 8,
        "reproduce: charloom verify": 8,
        "reproduce: charloom study studies/recipe.yaml --prove 3": 8,
    }
    assert not any(": dvc repro" in call for call in ran.calls)
    base, head = (theirs.run("git", "rev-parse", ref).strip()[:10] for ref in ("HEAD^1", "HEAD"))
    fence = "`" * 7
    compared = f"{fence}\n{base} and {head} differ: ```` is longer than a fence\n{fence}\n\n"
    new = f"{MARK}\n\n{compared}--base {base}\n"
    assert comments(ran) == [others, ours | {"body": new}]


def test_the_results_of_main_are_signed_and_its_pages_published(theirs, tmp_path):
    ran = act(theirs, tmp_path / "run", "reproduce.yml", "push", PUSH)
    signed = {f"attest {os}": "success" for os in {os for os, _ in MACHINES}}
    assert ran.jobs == REPRODUCED | signed | {"pages": "success", "publish": "success"}, ran.printed
    assert jobs_of(ran)[0] == "reproduce"
    assert jobs_of(ran).count("reproduce") == 1
    assert ran.calls.count("attest: signed metrics/train.json plots/smooth_loss.csv") == 3
    published = {path.name: path.read_text() for path in (tmp_path / "run/published").iterdir()}
    report, live, inside = (f"<title>{name}</title>\n" for name in ("report", "live", "inside"))
    assert published == {"index.html": report, "report.html": report, "live.html": live, "inside.html": inside}


def test_a_failing_verify_fails_its_jobs_and_the_summary_is_made(theirs, tmp_path):
    fork = pull_request(fork=True)
    ran = act(theirs, tmp_path / "run", "reproduce.yml", "pull_request", fork, FAIL="charloom verify")
    assert ran.jobs == dict.fromkeys(REPRODUCED, "failure") | {"summary": "success"}, ran.printed
    assert (ran.artifacts / "summary/summary.md").read_text().count("--base") == 1
    assert comments(ran) == []


@pytest.mark.parametrize("fails", ["", "dvc repro"])
def test_another_project_gets_a_summary_that_names_a_failing_stage(theirs, tmp_path, fails):
    """By dvc-summary.yml, as docs/pull_requests.md tells it to."""
    page = (ROOT / "docs/pull_requests.md").read_text()
    caller = YAML(typ="safe").load(page.partition("```yaml\n")[2].partition("```")[0])
    caller["jobs"]["summary"]["with"] = {"setup": "make setup", "folder": "summaries"}
    (theirs.folder / "summaries").mkdir()
    (theirs.folder / "summaries/dvc_summary.py").write_text("import sys\nprint(' '.join(sys.argv[1:]))\n")
    with (theirs.folder / ".github/workflows/pull-request.yml").open("w") as file:
        YAML().dump(caller, file)
    ran = act(theirs, tmp_path / "run", "pull-request.yml", "pull_request", pull_request(), FAIL=fails)
    assert ran.jobs["comment"] == "success", ran.printed
    assert ("failure" in ran.jobs.values()) == bool(fails)
    assert "summary: dvc repro --force" in ran.calls
    line = "⚠️ Rebuilt from HEAD: a stage fails, or " if fails else "Rebuilt from HEAD: every output has the committed "
    assert comments(ran)[0]["body"].startswith(f"{MARK}\n\n--base HEAD^1\n\n<p>{line}")
