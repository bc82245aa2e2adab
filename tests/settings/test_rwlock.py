"""What a killed DVC leaves of its list of readers and writers is named, and removed where no DVC is at work."""

import json
import shutil

import pytest
from projects import said
from zc.lockfile import LockFile

CUT = ["", '{"write": {"a', "[]", "\0" * 13]
LIVE = json.dumps({"write": {"data/prepared/text.npz": {"pid": 1, "cmd": "dvc repro"}}})


def written(project, content):
    rwlock = project.folder / ".dvc/tmp/rwlock"
    rwlock.write_text(content)
    return rwlock


@pytest.mark.parametrize("content", CUT)
def test_it_is_removed_before_make_run_starts_dvc_and_left_alone_by_the_stage_and_by_track(project, content):
    rwlock = written(project, content)
    project.stage("prepare")
    line = ".dvc/tmp/rwlock: DVC was killed while it wrote this file; if no DVC runs now: `rm .dvc/tmp/rwlock`\n"
    assert said(project, "track", code=3) == ("", line)
    assert rwlock.exists()
    line = "removed .dvc/tmp/rwlock: DVC was killed while it wrote this file\n"
    assert project.stage("prepare", "--check") == line
    assert not rwlock.exists()
    assert project.stage("prepare", "--check") == ""


@pytest.mark.parametrize("lock", ["lock", "rwlock.lock"])
def test_it_stays_while_a_dvc_is_at_work(project, lock):
    rwlock = written(project, CUT[1])
    held = LockFile(str(rwlock.with_name(lock)))  # as DVC holds it
    try:
        assert project.stage("prepare", "--check") == ""
    finally:
        held.close()
    assert rwlock.read_text() == CUT[1]


def test_a_whole_one_stays_and_none_is_no_fault(project):
    for content in ("{}", LIVE):
        rwlock = written(project, content)
        assert project.stage("prepare", "--check") == ""
        assert rwlock.read_text() == content
    shutil.rmtree(project.folder / ".dvc/tmp")  # as where DVC has never been
    assert project.stage("prepare", "--check") == ""
