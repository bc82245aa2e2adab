"""verify says same where everything is, and names what is not."""

import pytest

HOSTILE = {
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
    "OPENBLAS_CORETYPE": "Prescott",
    "TZ": "Pacific/Chatham",
    "LC_ALL": "C",
    "PYTHONHASHSEED": "12345",
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
}


def lines(printed):
    return printed.strip().splitlines()


def test_every_output_is_the_same_also_in_a_strange_environment(project):
    project.edit("README.md", "a test", "an uncommitted change")
    printed = lines(project.run("charloom", "verify", **HOSTILE))
    assert printed[-1] == "same"
    assert "uncommitted changes are not checked: this is about HEAD" in printed
    assert "same  train: models/best.npz" in printed
    assert "same  plot: reports/samples.html" in printed
    assert [line.split(": ")[1] for line in printed if "not compared" in line] == [
        "reports/gradcheck.json", "reports/smooth_loss.png", "reports/gradient_check.md",
    ]  # fmt: skip
    assert "an uncommitted change" in (project.folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("name", "old", "new", "last"),
    [
        ("metrics/train.json", '"smooth_loss": ', '"smooth_loss": 1', "first difference: train: metrics/train.json"),
        ("params.yaml", "eta: 0.1", "eta: 0.2", "first difference: train: models/checkpoints"),
    ],
)
def test_a_committed_change_is_named(project, name, old, new, last):
    project.edit(name, old, new)
    project.run("git", "commit", "-q", "-a", "-m", "a changed result")
    printed = lines(project.run("charloom", "verify", expect=1))
    assert printed[-1].startswith(last)
    assert any(line.startswith("probe  exp: same") for line in printed)
    assert any(line.startswith("probe  NumPy: ") for line in printed)
    project.run("git", "diff", "HEAD", "--exit-code")
