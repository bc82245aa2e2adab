"""dvc.yaml tells the truth: a stage depends on exactly what can change what it makes."""

import importlib
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest
from closure import SOURCES, closure, imported
from dvc.repo import Repo
from edits import EDITS, apply
from projects import ROOT, copied
from ruamel.yaml import YAML
from temporary import temporary

from charloom.settings.dvc_lock import locked, md5
from charloom.settings.params import Params, Train, flat_of, read_params
from charloom.settings.pipeline import Inputs
from charloom.training import resume

STAGES = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text())["stages"]
NAMES = list(STAGES)
WHOLE = ("prepare", "plot", "track")  # they depend on all of params.yaml
PACKAGE = SOURCES / "charloom"
ROOMS = sorted(path for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__")


def sources_of(stage: str) -> set[Path]:
    """Return the files and rooms of src that dvc.yaml lists for the stage."""
    return {ROOT / entry for entry in STAGES[stage]["deps"] if entry.startswith("src")}


@pytest.mark.parametrize("stage", NAMES)
def test_a_stage_depends_on_its_script_and_on_exactly_the_rooms_it_imports(stage):
    script, package = SOURCES / f"{stage}.py", PACKAGE / "__init__.py"
    packed = (
        closure(PACKAGE / "tracking/served.py") if stage == "track" else set()
    )  # the code of the models, in the run
    modules = (closure(script) | packed) - {script, package}
    beside = {path for path in modules if not path.is_relative_to(PACKAGE)}  # of another package each module
    rooms = {PACKAGE / path.relative_to(PACKAGE).parts[0] for path in modules - beside}
    assert sources_of(stage) == {script, package} | rooms | beside


def test_a_served_model_brings_all_that_it_imports():
    """`track` packs the sources of the stage sample."""
    served, packed = PACKAGE / "tracking/served.py", sources_of("sample")
    for path in closure(served) - {served}:
        assert {path, *path.parents} & packed, path


@pytest.mark.parametrize("stage", NAMES)
def test_a_stage_is_short_and_imports_the_standard_library_and_charloom_alone(stage):
    script = SOURCES / f"{stage}.py"
    assert len(script.read_text().splitlines()) <= 50
    foreign = {name.split(".")[0] for name in imported(script)} - sys.stdlib_module_names
    assert foreign == {"charloom"}


def test_a_module_is_in_a_room_and_a_room_says_what_lives_there():
    assert [path.name for path in PACKAGE.glob("*.py")] == ["__init__.py"]
    for room in ROOMS:
        assert (room / "__init__.py").read_text().startswith('"""'), room
        assert imported(room / "__init__.py") <= sys.stdlib_module_names, room


class Recorded(Params):
    """Params that note which of their names are read."""

    def __getattribute__(self, name: str):
        if name in Params.model_fields and name != "train":
            READ.add(name)
        return super().__getattribute__(name)


class RecordedTrain(Train):
    """A section of which one stage reads a single param."""

    def __getattribute__(self, name: str):
        if name in Train.model_fields:
            READ.add(f"train.{name}")
        return super().__getattribute__(name)


READ: set[str] = set()


@pytest.mark.parametrize("stage", [name for name in NAMES if name not in WHOLE])
def test_a_stage_depends_on_exactly_the_params_it_reads(project, stage, monkeypatch):
    main = importlib.import_module(stage)
    params = read_params(project.folder / "params.yaml").model_dump()
    train = RecordedTrain.model_validate(params["train"])
    recorded = Recorded.model_validate(params).model_copy(update={"train": train})
    monkeypatch.setattr(main, "read_params", lambda: recorded)
    READ.clear()
    with chdir(project.folder):
        main.main()
    declared = set(STAGES[stage].get("params", []))
    assert {name if name in declared else name.partition(".")[0] for name in READ} == declared


def test_prepare_depends_on_every_param_because_it_is_the_door_and_plot_and_track_because_they_show_them():
    for stage in WHOLE:
        assert STAGES[stage]["params"] == [{"params.yaml": None}]


def test_the_training_key_covers_every_param_and_every_file_that_train_depends_on(project):
    params = read_params(project.folder / "params.yaml")
    with chdir(project.folder):
        settings = Inputs("train").values
    rooms = [entry for entry in STAGES["train"]["deps"] if entry.startswith("src/charloom")]
    tracked = subprocess.run(["git", "ls-files", *rooms], cwd=ROOT, check=True, capture_output=True, text=True)
    others = {entry for entry in STAGES["train"]["deps"] if entry not in rooms}
    values = {name for name in flat_of(params) if name.split(".")[0] in STAGES["train"]["params"]}
    assert settings.keys() == set(tracked.stdout.split()) | others | values
    assert {"train.dtype", "eta", "src/train.py", "data/prepared/text.npz"} < settings.keys()


def test_any_other_value_or_byte_is_another_training_key(project):
    def key() -> str:
        return resume.key(Inputs("train").values)

    with chdir(project.folder):
        before = key()
        assert key() == before
        project.edit("params.yaml", "temperature: ", "temperature:  ")
        assert key() == before
        project.edit("params.yaml", "eta: 0.1", "eta: 0.2")
        assert key() != before
        for name in ("src/charloom/base/terminal.py", "src/charloom/kernel/new.py", "metrics/prepare.json"):
            before = key()
            with Path(name).open("a") as file:
                file.write("\n")
            assert key() != before
        before = key()
        Path("src/charloom/base/__pycache__").mkdir(exist_ok=True)
        Path("src/charloom/base/__pycache__/new.pyc").write_bytes(b"")
        assert key() == before


@pytest.mark.filterwarnings("ignore:_NoneStep.value")  # a library of DVC's
def test_a_temporary_file_in_the_folder_of_an_output_is_no_part_of_it(project):
    with chdir(project.folder), Repo() as repo:
        temporary(Path("models/checkpoints/200.npz")).write_text("half of it")  # as a killed process leaves it
        assert repo.status() == {}
        assert md5(Path("models/checkpoints")) == locked()["train"].outs["models/checkpoints"]


@pytest.mark.filterwarnings("ignore:_NoneStep.value")  # a library of DVC's
@pytest.mark.parametrize("what", EDITS)
def test_an_edit_reaches_exactly_the_stages_that_use_what_was_edited(finished, tmp_path, what):
    project = copied(finished, tmp_path / "project")
    apply(project, what)
    with chdir(project.folder), Repo() as repo:
        said = repo.status()
    reached = {stage for stage, changes in said.items() if any("changed deps" in change for change in changes)}
    assert reached == set(EDITS[what].reached)
