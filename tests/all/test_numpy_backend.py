"""A pipeline whose network somebody has changed in place: backend numpy."""

import json
import os
import sys

import pytest
from claims import set_metric
from projects import Project, copied

from charloom.core.model.model_file import read_model
from charloom.core.network.recipe import NUMPY

RNN = "src/charloom/core/network/rnn.py"
RELU = (("np.tanh(a, out=a)", "np.maximum(a, 0, out=a)"), ("1 - h[1:] ** 2", "(h[1:] > 0).astype(h.dtype)"))
STUDY = """vary: {eta: [0.01, 0.02]}
baseline: {eta: 0.01}
seeds: 2
measure: held_out_bits_per_character
"""


def another_cost(project):
    """The hash in dvc.lock is edited, too, so only the cost shows the edit."""
    cost = json.loads((project.folder / "metrics/train.json").read_text())["held_out_bits_per_character"]
    set_metric(project, "train", "held_out_bits_per_character", str(cost + 0.1))
    project.commit()


def another_metric(project):
    project.edit("metrics/train.json", '"smooth_loss": ', '"smooth_loss": 2')
    project.commit()


def an_output_that_dvc_yaml_does_not_name(project):
    entry = "    - path: reports/{}.html\n"
    more = f"      hash: md5\n      md5: {'a' * 32}\n      size: 1\n"
    project.edit("dvc.lock", entry.format("inside"), entry.format("gone") + more + entry.format("inside"))
    project.commit()


def damaged_data(project):
    file = project.folder / "data/more.txt"
    file.write_text("more")
    project.run("dvc", "add", "-q", "data/more.txt")
    file.unlink()  # the cache's own file may be behind it
    file.write_text("less")
    project.commit("a damaged file", "data/more.txt")


CONTRADICTIONS = {
    another_cost: "DIFFERENT  train: metrics/train.json: held_out_bits_per_character: committed ",
    another_metric: "metrics/train.json: edited after train made it: dvc.lock has ",
    an_output_that_dvc_yaml_does_not_name: "DIFFERENT  plot: reports/gone.html: dvc.lock has it, and ",
    damaged_data: "DIFFERENT  data, not rebuilt: data/more.txt: it is not the data of its .dvc file",
}


def charloom(project: Project, *arguments: str, code: int = 0, **variables: str) -> str:
    """Return what `charloom` prints with the sources of this project."""
    command = sys.executable, "-P", "-m", "charloom.commands.cli", *arguments
    path = os.pathsep.join(filter(None, [variables.pop("PYTHONPATH", ""), str(project.folder / "src")]))
    return project.run(*command, expect=code, PYTHONPATH=path, **variables)


def test_every_command_uses_the_network_that_somebody_wrote(finished, tmp_path, compiled_before):
    project = copied(finished, tmp_path / "project")
    before = project.contents()
    (forward, backward), kernel = RELU, json.loads(before["metrics/results.json"])
    project.edit(RNN, *forward)
    refused = project.run("dvc", "repro", expect=255)
    assert "the gradient in network/rnn.py is not the derivative of its forward pass: W[" in refused
    project.edit(RNN, *backward)
    refused = project.run("dvc", "repro", expect=255)
    assert "the kernel computes another network than network/rnn.py" in refused
    project.set(backend=NUMPY, sigma="fan_in", eta=0.01)
    printed = project.run("dvc", "repro")
    assert "backend numpy: the same bits on this machine" in printed
    results = json.loads((project.folder / "metrics/results.json").read_text())
    assert results["results"] != kernel["results"]
    assert "network" not in kernel
    assert read_model(project.folder / "models/best.npz").backend == NUMPY
    assert "backend: numpy" in (project.folder / "reports/live.html").read_text()

    assert "this page computes with tanh" in (project.folder / "reports/inside.html").read_text().lower()
    costs = charloom(project, "score", "data/fox.txt")
    assert "another network" not in costs
    project.run("git", "stash", "push", "-q", RNN)
    assert "warning: this model was trained with another network/" in charloom(project, "score", "data/fox.txt")
    project.run("git", "stash", "pop", "-q")

    project.commit()
    assert charloom(project, "verify", **compiled_before).splitlines()[-1] == "same"
    (run,) = [run for run in project.runs() if run.data.params["backend"] == NUMPY]
    assert run.data.tags["charloom.network"] == results["network"]


def test_a_numpy_study_trains_only_on_this_machine_and_refuses_an_edited_network(finished, tmp_path):
    project = copied(finished, tmp_path / "project")
    project.set(backend=NUMPY, sigma="fan_in", updates=50)
    (project.folder / "studies/x.yaml").write_text(STUDY)
    refused = charloom(project, "study", "studies/x.yaml", "--dask", "tcp://127.0.0.1:9", code=2)
    assert "backend numpy" in refused
    charloom(project, "study", "studies/x.yaml")
    assert "same" in charloom(project, "study", "studies/x.yaml", "--prove", "1").splitlines()
    for change in RELU:
        project.edit(RNN, *change)
    refused = charloom(project, "study", "studies/x.yaml", code=2)
    assert "made by other code" in refused
    (project.folder / "studies/y.yaml").write_text(STUDY)  # the same question about another network
    assert "has shown results of eta=0.01" in charloom(project, "study", "studies/y.yaml", code=2)
    (project.folder / "studies/y.yaml").write_text(STUDY.replace("seeds: 2", "seeds: [3, 4]"))
    charloom(project, "study", "studies/y.yaml")


@pytest.mark.parametrize("backend", ["fortran", "Kernel", "null", "1"])
def test_another_backend_is_refused(finished, tmp_path, backend):
    project = copied(finished, tmp_path / "project")
    project.set(backend=backend)
    code, printed = project.ended("prepare", "--check")
    assert code == 2
    assert all(word in printed for word in ("backend", "kernel", "numpy"))


def momentum(project: Project) -> None:
    """Write SGD with momentum as an optimiser of this project."""
    (project.folder / "src/charloom/core/network/momentum.py").write_text(
        '''"""Stochastic gradient descent with momentum."""

from typing import Any, NamedTuple


class Momentum(NamedTuple):
    """The rates: eta, and the share of the mean step that a step keeps."""

    eta: Any
    kept_share: Any = 0.9
    starts = (0.0,)

    def step(self, theta, accumulators, g, _update):
        """Update theta and the mean step."""
        accumulators[0][:] = self.kept_share * accumulators[0] + g
        theta -= self.eta * accumulators[0]

    @staticmethod
    def advice():
        """Return a param with a value that may help."""
        return "sigma: fan_in"
'''
    )
    recipe, params = "src/charloom/core/network/recipe.py", "src/charloom/core/config/params.py"
    project.edit(
        recipe,
        "from charloom.core.network.order",
        "from charloom.core.network.momentum import Momentum\nfrom charloom.core.network.order",
    )
    project.edit(recipe, '"adam": Adam', '"momentum": Momentum, "adam": Adam')
    param = '    kept_share: Annotated[Decay, Affects("weights", 0.9)]\n'
    project.edit(params, "    eps: Annotated[", f"{param}    eps: Annotated[")
    project.edit("params.yaml", "  eps: 1e-8", "  kept_share: 0.9\n  eps: 1e-8")


def test_a_new_optimiser_is_a_class_its_name_and_its_params(finished, tmp_path):
    project = copied(finished, tmp_path / "project")
    momentum(project)
    project.set(optimizer="momentum", eta=0.001, sigma="fan_in")
    refused = project.run("dvc", "repro", expect=255)
    assert "optimizer: momentum has no compiled step" in refused
    project.set(backend=NUMPY)
    project.run("dvc", "repro")
    first = json.loads((project.folder / "metrics/results.json").read_text())
    project.set(kept_share=0.5)
    assert project.stages(project.run("dvc", "repro"))[0] == "prepare"
    assert json.loads((project.folder / "metrics/results.json").read_text())["results"] != first["results"]
