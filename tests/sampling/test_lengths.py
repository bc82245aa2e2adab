"""Samples as long as anybody asks for: refused where memory is too small, and never without progress."""

import pytest

from charloom.base import progress


@pytest.mark.parametrize("stage", ["prepare", "sample"])
@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("best_length: 50", "sample.length: 200 for 3 checkpoints, 1000000000000000 for the best"),
        (" length: 200", "sample.length: 1000000000000000 for 3 checkpoints, 50 for the best"),
    ],
)
def test_more_than_memory_holds_is_refused_before_training_and_before_sampling(project, stage, name, line):
    before = project.contents()
    project.edit("params.yaml", name, f"{name.partition(':')[0]}: {10**15}")
    assert project.stage(stage, code=5).startswith(f"not enough memory: {line} needs about ")
    assert project.contents() == before


def test_each_sample_written_is_progress(project, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    *lines, _ = project.stage("sample").splitlines()
    assert [line.split(" about")[0].strip() for line in lines] == [
        f"sample: {done:,} of 650"
        for done in range(400, 650, 200)  # of the first alone nobody knows how long the rest takes
    ]
