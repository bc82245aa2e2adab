"""Places that a new param or optimiser needs, and that no code derives from a list: see CONTRIBUTING.md."""

import re

import pytest
from projects import ROOT

from charloom.core.config.params import VARIED
from charloom.core.network.recipe import COMPILED, OPTIMIZERS
from charloom.signature.hashes import RECIPES, TYPES

RATES = {rate for kind in OPTIMIZERS.values() for rate in kind._fields} - {"eta"}


def test_studies_md_lists_the_params_that_a_study_can_vary():
    text = (ROOT / "docs/studies.md").read_text(encoding="utf-8")
    top, train = re.search(r"A study may vary (.*), and these params of `train`: (.*?)\. ", text).groups()
    listed = re.findall(r"`(\w+)`", top) + [f"train.{name}" for name in re.findall(r"`(\w+)`", train)]
    assert sorted(listed) == sorted(VARIED), "docs/studies.md lists other params than Params lets a study vary"


@pytest.mark.parametrize("param", [name for name in VARIED if name.rpartition(".")[2] in RATES])
def test_the_glossary_explains_each_rate_of_an_optimiser(param):
    assert f"`{param}`" in (ROOT / "docs/glossary.md").read_text(encoding="utf-8"), f"docs/glossary.md lacks {param}"


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_page_explains_the_first_step_of_each_optimiser(optimizer):
    text = (ROOT / "src/charloom/pages/templates/first-updates.html").read_text(encoding="utf-8")
    condition = f'results.params.optimizer == "{optimizer}" %}}'
    assert text.partition(condition)[2].strip().partition("{%")[0], f"first-updates.html has no text for {optimizer}"


@pytest.mark.parametrize("kind", OPTIMIZERS.values())
def test_each_optimiser_has_tests_of_its_step(kind):
    name = f"tests/network/test_{kind.__module__.rpartition('.')[2]}.py"
    assert (ROOT / name).exists(), f"{name} is missing: a step computed by hand"


@pytest.mark.parametrize("batch", ["", "batch "])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("optimizer", COMPILED)
def test_the_signature_has_a_recipe_of_each_compiled_kind(optimizer, dtype, batch):
    kinds = {recipe.kind: name for name, recipe in RECIPES.items()}
    kind = f"{batch}{optimizer} {dtype}"
    assert kind in kinds, f"RECIPES of signature/hashes.py lacks {kind}"
    assert kinds[kind] == kind.replace("adagrad ", ""), f"RECIPES of signature/hashes.py names {kind} otherwise"


@pytest.mark.parametrize(("file", "beginning"), [("params.yaml", "optimizer: ")])
def test_params_yaml_lists_each_optimiser(file, beginning):
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith(beginning))
    assert not [name for name in OPTIMIZERS if name not in line], f"{file}: an optimiser is missing in: {line}"


def test_each_rate_is_a_param():
    constants = {"epsilon"}  # of AdaGrad: the published value
    assert RATES - constants <= {name.rpartition(".")[2] for name in VARIED}, "a rate is no param of Train"
