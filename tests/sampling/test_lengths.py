"""Samples as long as anybody asks for are refused where memory is too small."""

import pytest


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
