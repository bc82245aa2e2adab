"""GitLab's pipeline, run by gitlab-ci-local with stand-ins for make, charloom and dvc, and for the API."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from projects import Project
from runners import Ran, gitlab, needs_gitlab, repository
from serving import Asked, answered, serving

TOKEN, OWN = "a-token-of-the-project", 42  # and whose it is
NOTES = "/projects/3/merge_requests/7/notes"
REQUEST = {"CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_PROJECT_ID": "3"}
MARK = "<!-- dvc summary -->"
pytestmark = [pytest.mark.slow, needs_gitlab]


def notes_of(notes: list[dict]) -> AbstractContextManager[str]:
    """Serve GitLab's API for the notes of one merge request, for who has the token; yield its address."""

    def answer(asked: Asked) -> Iterable[bytes]:
        given = parse_qs(asked.body.decode())
        path, _, number = urlsplit(asked.path).path.partition(f"{NOTES}/")
        (known,) = [note for note in notes if str(note["id"]) == number] or [None]
        match asked.headers.get("private-token"), asked.method, path:
            case token, _, _ if token != TOKEN:
                return answered({"message": "401 Unauthorized"}, 401)
            case _, "GET", "/user":
                return answered({"id": OWN})
            case _, "GET", path if path == NOTES:
                return answered(notes)
            case _, "POST", path if path == NOTES:
                notes.append({"id": 100 + len(notes), "author": {"id": OWN}, "body": given["body"][0]})
                return answered(notes[-1], 201)
            case _, "PUT", "" if known and known["author"]["id"] == OWN:
                known["body"] = given["body"][0]
                return answered(known)
        return answered({"message": "403 Forbidden"}, 403)

    return serving(answer)


@pytest.fixture
def theirs(tmp_path) -> Project:
    return repository(tmp_path / "theirs")


def merge_request(project: Project, folder: Path, notes: list[dict] | None = None, **variables: str) -> Ran:
    """Run the pipeline of a merge request: with a token, if notes are given."""
    base = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": project.run("git", "rev-parse", "HEAD^1").strip()}
    if notes is None:
        return gitlab(project, folder, "merge_request_event", **REQUEST, **base, **variables)
    with notes_of(notes) as address:
        token = {"SUMMARY_TOKEN": TOKEN, "CI_API_V4_URL": address} | variables
        return gitlab(project, folder, "merge_request_event", **REQUEST, **base, **token)


def summary_of(ran: Ran) -> str:
    return (ran.artifacts / "summary/summary.md").read_text()


def test_a_merge_request_is_reproduced_and_summarised(theirs, tmp_path):
    """The note of the push before is written anew, and no other."""
    notes = [
        {"id": 5, "author": {"id": 1}, "body": f"{MARK} of somebody's"},
        {"id": 6, "author": {"id": OWN}, "body": f"{MARK}\n\nof the push before\n"},
        {"id": 7, "author": {"id": OWN}, "body": "another note"},
    ]
    expected = [note["body"] for note in notes]
    ran = merge_request(theirs, tmp_path / "run", notes)
    names = ("tests", "verify", "rows", "summary", "note")
    assert ran.jobs == dict.fromkeys(names, "PASS"), ran.printed
    calls = [call for call in ran.calls if ": apt-get " not in call and not call.endswith(": make setup")]
    base, head = (theirs.run("git", "rev-parse", ref).strip() for ref in ("HEAD^1", "HEAD"))
    assert sorted(calls[:4]) == [
        "rows: charloom study studies/recipe.yaml --prove 3",
        "tests: make check",
        "tests: make test SLOW=1",
        "verify: charloom verify --json",
    ]
    assert calls[4:] == [f"summary: charloom summary --base {base} --verified verified.json"]
    assert not any(call.startswith("note: make") for call in ran.calls)
    expected[1] = f"{MARK}\n\n{base[:10]} to {head[:10]}: the same on 1 of 1 machines\n"
    assert [note["body"] for note in notes] == expected, ran.printed


def test_the_default_branch_publishes_its_pages(theirs, tmp_path):
    ran = gitlab(theirs, tmp_path / "run", "push")
    assert ran.jobs == dict.fromkeys(("tests", "verify", "rows", "pages"), "PASS"), ran.printed
    published = {path.name: path.read_text() for path in (ran.artifacts / "pages/public").glob("*")}
    report, live, inside = (f"<title>{name}</title>\n" for name in ("report", "live", "inside"))
    assert published == {"index.html": report, "report.html": report, "live.html": live, "inside.html": inside}


def test_a_fork_without_a_token_gets_no_note_and_a_failing_verify_is_told_in_its_summary(theirs, tmp_path):
    ran = merge_request(theirs, tmp_path / "run", FAIL="charloom verify")
    assert (ran.jobs["verify"], ran.jobs["summary"], "note" in ran.jobs) == ("FAIL", "PASS", False)
    assert summary_of(ran).endswith("the same on 0 of 1 machines\n")


def test_a_token_that_is_refused_fails_the_note_alone(theirs, tmp_path):
    notes: list[dict] = []
    ran = merge_request(theirs, tmp_path / "run", notes, SUMMARY_TOKEN="a token of nobody")  # noqa: S106  a test's own
    assert (ran.jobs["summary"], ran.jobs["note"], notes) == ("PASS", "FAIL", [])
    assert "401" in ran.printed


def test_a_failing_verify_publishes_nothing(theirs, tmp_path):
    ran = gitlab(theirs, tmp_path / "run", "push", FAIL="charloom verify")
    assert ran.jobs["verify"] == "FAIL"
    assert "pages" not in ran.jobs


def test_a_merged_result_is_compared_with_the_target_branch(theirs, tmp_path):
    target = theirs.run("git", "rev-parse", "HEAD^1").strip()
    variables = {"CI_MERGE_REQUEST_TARGET_BRANCH_SHA": target, "CI_MERGE_REQUEST_DIFF_BASE_SHA": "0" * 40}
    ran = gitlab(theirs, tmp_path / "run", "merge_request_event", **REQUEST, **variables)
    assert summary_of(ran).startswith(target[:10])
