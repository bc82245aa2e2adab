"""dvc.yaml tells the truth: a stage depends on exactly what can change what it makes."""

import ast
import importlib
from contextlib import chdir
from pathlib import Path

import grimp
import pytest
from dvc.repo import Repo
from edits import EDITS
from projects import ROOT, Project, copied
from ruamel.yaml import YAML
from temporary import temporary

from charloom.core.config.params import flat_of
from charloom.core.config.reading import read_params
from charloom.core.runtime.inputs import Inputs
from charloom.core.training import resume
from charloom.results.dvc_lock import locked, md5

SOURCES = ROOT / "src"
STAGES = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text())["stages"]
NAMES = list(STAGES)
WHOLE = ("prepare", "plot", "track")  # they depend on all of params.yaml
PACKAGE = SOURCES / "charloom"
PACKAGES = ("charloom", "seedpairs", "dvc_proof", "rnncheck")
GRAPH = grimp.build_graph(*PACKAGES, cache_dir=None)  # also imports inside functions


def imported(path: Path) -> set[str]:
    """Return the dotted names that the file imports, anywhere in it; of `from a import b` both a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_track_reads_the_metrics_of_each_stage():
    """A number reaches MLflow only through an input of `track`."""
    metrics = (file for stage in STAGES.values() for file in stage.get("metrics", []))
    files = {file if isinstance(file, str) else next(iter(file)) for file in metrics}
    assert not files - {*STAGES["track"]["deps"]}, "metrics that are no input of track"


@pytest.mark.parametrize("stage", NAMES)
def test_a_stage_depends_on_its_script_and_on_exactly_the_rooms_it_imports(stage):
    script = SOURCES / f"{stage}.py"
    packed = {"charloom.tracking.served"} if stage == "track" else set()  # the code of the models, in the run
    direct = imported(script) & GRAPH.modules | packed
    modules = direct.union(*map(GRAPH.find_upstream_modules, direct)) - {"charloom"}
    assert {module.split(".")[0] for module in modules} == {"charloom"}, (
        "a stage runs the sources that its clone records"
    )
    entries = {script, PACKAGE / "__init__.py", *(PACKAGE / module.split(".")[1] for module in modules)}
    assert {ROOT / entry for entry in STAGES[stage]["deps"] if entry.startswith("src")} == entries


def test_a_served_model_brings_all_that_it_imports():
    """`track` packs the sources of the stage sample."""
    packed = {ROOT / entry for entry in STAGES["sample"]["deps"]}
    for module in GRAPH.find_upstream_modules("charloom.tracking.served") - {"charloom"}:
        path = SOURCES.joinpath(*module.split("."))
        assert {path, path.with_suffix(".py"), path / "__init__.py", *path.parents} & packed, module


def recorded(section, read: set[str], prefix: str = ""):
    """Return the params of this section; each that is read is added to `read`."""
    names = type(section).model_fields.keys() - {"train"}

    class Recorded(type(section)):
        def __getattribute__(self, name: str):
            if name in names:
                read.add(prefix + name)
            return super().__getattribute__(name)

    return Recorded.model_validate(section.model_dump())


@pytest.mark.parametrize("stage", [name for name in NAMES if name not in WHOLE])
def test_a_stage_depends_on_exactly_the_params_it_reads(project, stage):
    main, read = importlib.import_module(stage), set()
    params = read_params(project.folder / "params.yaml")
    train = recorded(params.train, read, "train.")
    params = recorded(params, read).model_copy(update={"train": train})
    with chdir(project.folder):
        inputs = Inputs(stage)
        inputs.params = params
        read.clear()
        main.main(inputs)
    declared = set(STAGES[stage].get("params", []))
    assert {name if name in declared else name.partition(".")[0] for name in read} == declared


def test_the_training_key_covers_exactly_the_dependencies_of_train(project):
    rooms = [entry for entry in STAGES["train"]["deps"] if entry.startswith("src/charloom")]
    tracked = Project(ROOT).run("git", "ls-files", *rooms)
    others = {entry for entry in STAGES["train"]["deps"] if entry not in rooms}
    params = read_params(project.folder / "params.yaml")
    values = {name for name in flat_of(params) if name.split(".")[0] in STAGES["train"]["params"]}
    assert {"train.dtype", "eta"} < values
    assert {"src/train.py", "data/prepared/text.npz"} < others

    def key_after(name: str) -> str:
        with Path(name).open("a") as file:
            file.write("\n")
        return resume.key(Inputs("train").values)

    with chdir(project.folder):
        settings = Inputs("train").values
        assert settings.keys() == set(tracked.split()) | others | values
        before = resume.key(settings)
        Path("src/charloom/core/base/__pycache__").mkdir(exist_ok=True)
        assert before == key_after("params.yaml") == key_after("src/charloom/core/base/__pycache__/new.pyc")
        keys = [before, key_after("src/charloom/core/kernel/new.py"), key_after("metrics/prepare.json")]
        project.edit("params.yaml", "eta: 0.1", "eta: 0.2")
        assert len({*keys, key_after("params.yaml")}) == 4


@pytest.mark.filterwarnings("ignore:_NoneStep.value")  # a library of DVC's
def test_a_temporary_file_in_the_folder_of_an_output_is_no_part_of_it(project):
    with chdir(project.folder), Repo() as repo:
        temporary(Path("models/checkpoints/200.npz")).write_text("half of it")  # as a killed process leaves it
        assert repo.status() == {}
        assert md5(Path("models/checkpoints")) == locked()["train"].outs["models/checkpoints"]


@pytest.mark.filterwarnings("ignore:_NoneStep.value")  # a library of DVC's
@pytest.mark.parametrize("name", EDITS)
def test_an_edit_reaches_exactly_the_stages_that_use_what_was_edited(finished, tmp_path, name):
    project = copied(finished, tmp_path / "project")
    project.append(name)
    with chdir(project.folder), Repo() as repo:
        said = repo.status()
    reached = {stage for stage, changes in said.items() if any("changed deps" in change for change in changes)}
    assert reached == set(EDITS[name])
