"""A project around one's own program: what is written, what is refused, and what its stages call."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from layouts import CLASS, FUNCTIONS, LAYOUTS, written
from new_projects import made, new, working_folder
from projects import ROOT, Project

from charloom import commands
from charloom.commands.new import NO_NAME
from charloom.core.base.errors import WrongInput
from charloom.core.network.order import AS_IT_STANDS
from charloom.core.network.rnn import NAMES, init, loss_and_gradients
from charloom.core.text.corpus import read_prepared
from rnncheck import loaded

START = """
import numpy as np

def start(m, K, sigma, rng):
    return {"w": sigma * rng.normal(size=(K, K))}, np.array(0)
"""
BIGRAMS = """
def gradients(weights, h, x, y):
    p = np.exp(weights["w"][x])
    p /= p.sum(axis=1, keepdims=True)
    grad = np.zeros_like(weights["w"])
    np.add.at(grad, x, p)
    np.add.at(grad, (x, y), -1)
    return -np.log(p[range(len(y)), y]).sum(), {"w": grad}, h + len(x)

def following(weights, h, x):
    p = np.exp(weights["w"][x])
    return p / p.sum(), h + 1
"""
STARTING = Path(commands.__file__).with_name("starting")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with a text."""
    return working_folder(tmp_path, monkeypatch)


def test_a_wrong_request_gets_one_line_and_writes_nothing(place):
    full, text = place / "full", ("--text", "my.txt")
    full.mkdir()
    (full / "notes").write_text("mine")
    (place / "map.txt").write_text("")
    (place / "latin").write_bytes(b"h\xe9")
    before = sorted(place.rglob("*"))
    for arguments, line in (
        (["full"], "full: exists already; allowed is a new or an empty folder\n"),
        (["my.txt"], "my.txt: exists already"),
        (["no/such"], "no/such: no is no folder; allowed is an existing one\n"),
        (["new", "--text", "no.txt"], "--text: no.txt: no such file; allowed is a text in UTF-8\n"),
        (
            ["new", "--program", "no.py"],
            "--program: no.py: no such file; allowed is a file that ends with .py or .ipynb\n",
        ),
        (["new", "--program", "my.txt"], "--program: my.txt: no such file"),
        (
            ["new", "--program", "my_rnn.py", "--map", "map.txt"],
            "--map: map.txt: no such file; allowed is a file that ends with .py\n",
        ),
        (["new", "--text", "latin"], "latin: byte 0xe9 at offset 1 is not UTF-8"),
        (["new", "--map", "my_rnn.py"], "--map: my_rnn.py needs --program, the program that it calls\n"),
    ):
        code, printed, complaint = new(*text, *arguments)
        assert (code, printed) == (2, "")
        assert complaint.startswith(line)
        assert complaint.count("\n") == 1
    assert sorted(place.rglob("*")) == before


def test_a_failure_of_git_leaves_nothing(place, monkeypatch):
    before = sorted(place.rglob("*"))
    with monkeypatch.context() as nobody:
        for name in ("AUTHOR", "COMMITTER"):
            nobody.delenv(f"GIT_{name}_NAME")
            nobody.delenv(f"GIT_{name}_EMAIL")
        nobody.setenv("HOME", str(place))
        nobody.setenv("GIT_CONFIG_NOSYSTEM", "1")
        nobody.setenv("GIT_CONFIG_COUNT", "1")
        nobody.setenv("GIT_CONFIG_KEY_0", "user.useConfigOnly")  # no name from the machine's own
        nobody.setenv("GIT_CONFIG_VALUE_0", "true")
        assert new("new", "--text", "my.txt") == (5, "", f"git commit: {NO_NAME}; nothing is written\n")
    monkeypatch.setenv("PATH", "")
    assert new("new", "--text", "my.txt") == (5, "", "git: No such file or directory; nothing is written\n")
    assert sorted(place.rglob("*")) == before


@pytest.mark.slow
def test_a_new_project_is_committed_and_has_a_right_program_to_replace(place):
    files = {".dvc/.gitignore", ".dvc/config", ".github/workflows/reproduce.yml", "data/text.txt", "programs/my_rnn.py"}
    files |= {path.name.replace("dot_", ".").replace("stages_", "") for path in STARTING.iterdir() if path.is_file()}
    (place / "empty").mkdir()
    for folder in ("new", "empty"):
        code, printed, _ = new(folder, "--text", "my.txt")
        assert (code, printed.splitlines()[-1]) == (0, f"next: cd {folder} && dvc repro")
        project = Project(place / folder)
        assert project.run("git", "status", "--short") == ""
        assert set(project.run("git", "ls-files").split()) == files
    assert (place / "new/programs/my_rnn.py").read_bytes() == (place / "new/reference.py").read_bytes()
    assert sorted(path.name for path in place.iterdir()) == ["empty", "my.txt", "my_rnn.py", "new"]  # no temporary file


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "own"), [("net.py", "net.py"), ("train.py", "my_rnn.py"), ("a b.ipynb", "my_rnn.ipynb")]
)
def test_a_program_keeps_a_name_that_can_be_imported_and_its_map_gets_the_name_of_a_guess(place, name, own):
    (place / name).write_text("mine")
    (place / "map.py").write_text("its map")
    assert new("new", "--text", "my.txt", "--program", name)[0] == 0
    stem = Path(own).stem
    assert {path.name: path.read_text() for path in (place / "new/programs").iterdir()} == {
        own: "mine", f"{stem}_map.py": "its map",
    }  # fmt: skip
    assert f"program: programs/{own} " in (place / "new/params.yaml").read_text().replace("\n", " ")
    readme = (place / "new/README.md").read_text()
    assert f"`programs/{own}`" in readme
    assert f"`{stem}_map.py`" in readme


@pytest.fixture
def functions(monkeypatch):
    """Load programs, and forget them after the test."""
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(sys, "modules", {**sys.modules})
    return loaded.functions


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_loaded_program_returns_gradients_of_one_form(tmp_path, functions, name):
    theta, rng = init(7, 5, 0.5, np.random.default_rng(1)), np.random.default_rng(2)
    x, y, h = rng.integers(0, 5, 9), rng.integers(0, 5, 9), rng.uniform(-1, 1, 7)
    loss, exact, last = loss_and_gradients(theta, x, y, h)
    weights = {weight: getattr(theta, weight) for weight in NAMES}
    own = functions(written(tmp_path, LAYOUTS[name]))
    assert own.keys() == {"gradients"}
    given, gradients, state = own["gradients"](weights, h, x, y)
    length = round(loss / given)  # 1, or the length of a sequence if the program has the mean
    assert length in {1, 9}
    assert state.shape == (7,)
    np.testing.assert_allclose(state, last, rtol=1e-5, atol=1e-6)
    for weight in NAMES:
        np.testing.assert_allclose(length * gradients[weight], getattr(exact, weight), rtol=1e-4, atol=1e-5)


def test_a_loaded_program_gets_constants_and_its_statements_do_not_run(tmp_path, functions):
    program, step = tmp_path / "net.py", "def step(weights, gradients, memory, n):\n    weights['b'] -= eta\n"
    program.write_text(f"eta = 0.1\nprint(1 / 0)\n{step}")
    (tmp_path / "net_map.py").write_text("import net\nfollowing = lambda weights, h: None\n")
    own = functions(program, eta=0.5)
    assert own.keys() == {"step"}  # a function of other parameters is no part
    weights, memory = own["step"]({"b": np.ones(2)}, {"b": np.ones(2)}, None, 1)
    assert (weights["b"].tolist(), memory) == ([0.5, 0.5], None)
    program.write_text("def gradients(weights, h, x, y):\n    return 1.0, {'w': h}, h\n")
    for weights in ({"w": np.ones(2), "u": np.ones(2)}, {"w": np.ones(3)}, {name: np.ones((2, 2)) for name in NAMES}):
        with pytest.raises(WrongInput, match=r"^(the )?gradients.* (is missing|lack)"):
            functions(program)["gradients"](weights, np.ones(2), [0], [1])
    with pytest.raises(WrongInput, match=r"none.py: no such file"):
        functions(tmp_path / "none.py")
    (tmp_path / "net_map.py").write_text("import net\n")
    program.write_text(step.replace("eta", "0.1"))
    with pytest.raises(WrongInput, match=r"net.py: its step cannot get eta of params.yaml"):
        functions(program, eta=0.5)
    (tmp_path / "net_map.py").write_text("import net\nnet.nothing\n")
    with pytest.raises(WrongInput, match=r"net.py: net_map.py, line 2: AttributeError"):
        functions(program)


@pytest.mark.slow
def test_a_right_program_in_three_layouts_is_trained_as_charloom_trains(place):
    curves = []
    for number, layout in enumerate((None, CLASS, FUNCTIONS)):
        program = ["--program", written(place / str(number) / "mine", layout)] if layout else []
        project = made(place / f"new{number}", *program)
        project.run("dvc", "repro")
        assert "my_rnn.py,right," in (project.folder / "metrics/grade.csv").read_text()
        assert project.run("git", "status", "--short", "data", "models", "mlflow.db") == ""
        curves.append(np.loadtxt(project.folder / "plots/smooth_loss.csv", delimiter=",", skiprows=1))
        assert "==> after 50 updates <==\n" in (project.folder / "samples.txt").read_text()
    text = read_prepared(place / "new0/data/prepared.npz")
    theta, h, s = init(5, len(text.vocabulary), 0.01, np.random.default_rng(1)), np.zeros(5), 0.0
    smooth = 0.0
    starts, zero = AS_IT_STANDS.places(0, 51, len(text.training), 25, 1, 1)
    for update, (start, begins) in enumerate(zip(starts[:, 0], zero[:, 0], strict=True)):
        part = text.training[start : start + 26].astype(int)
        loss, gradients, last = loss_and_gradients(theta, part[:-1], part[1:], 0 * h if begins else h)
        smooth = 0.999 * smooth + 0.001 * loss if update else loss
        if update in {0, 50}:
            for curve in curves:
                assert smooth == pytest.approx(dict(curve)[update], rel=1e-6)
        g, h = np.clip(gradients.flat, -5, 5), last
        s = s + g**2
        theta.flat[:] -= 0.1 * g / np.sqrt(s + 2.2e-16)


@pytest.mark.slow
def test_the_gate_stops_a_wrong_program_with_its_sentence(place):
    project = made(place / "new", "--program", written(place / "mine", CLASS, "zero_before_first"), updates=1)
    project.run(sys.executable, "prepare.py")
    grade = ("charloom", "grade", "programs/my_rnn.py", "--csv", "metrics/grade.csv")
    project.run(*grade)
    says = project.run(sys.executable, "train.py", expect=1)
    assert says.startswith(
        "programs/my_rnn.py: gradients: The state before t = 0 in the gradient of W is 0, not the sta"
    )
    assert says.count("\n") == 1
    assert not (project.folder / "models").exists()
    project.set(only_if_right="false")
    project.run(sys.executable, "train.py")
    (run,) = project.runs()
    assert run.data.tags["grade"] == "gate open: wrong or not graded"
    (project.folder / "programs/my_rnn.py").write_text("x = 1\n")
    project.set(only_if_right="true")
    project.run(*grade)
    assert "gradients: my_rnn_map.py, line 6: AttributeError: module 'student' has no attribute" in project.run(
        sys.executable, "train.py", expect=1
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("eta: fast", "params.yaml: eta: 'fast' is a text, not a number"),
        ("etta: 0.1", "params.yaml: etta: unknown key"),
        ("seq_length: 5000", "data/text.txt: 2090 characters for training"),
        ("held_out: 1.5", "params.yaml: held_out: 1.5 is not allowed"),
        ("held_out: 0.0005", "data/text.txt: 1 characters held out; allowed are 2 or more: a larger held_out"),
        ("clip: none", "params.yaml: clip"),
        ("text: data/no.txt", "params.yaml: prepare.text: data/no.txt: No such file or directory"),
    ],
)
def test_a_wrong_param_gets_one_line(place, change, line):
    project = made(place / "new")
    name = change.partition(":")[0].replace("etta", "eta")
    text = (project.folder / "params.yaml").read_text().splitlines()
    (project.folder / "params.yaml").write_text("\n".join(change if t.startswith(f"{name}:") else t for t in text))
    says = project.run(sys.executable, "prepare.py", expect=2)
    assert says.startswith(line)
    assert says.count("\n") == 1
    assert not (project.folder / "data/prepared.npz").exists()


@pytest.mark.slow
def test_another_network_needs_two_functions_and_is_trained_with_them(place):
    (place / "net.py").write_text(START)
    project = made(place / "new", "--program", "net.py", only_if_right="false")
    project.run(sys.executable, "prepare.py")
    project.run("charloom", "grade", "programs/net.py", "--csv", "metrics/grade.csv")
    (project.folder / "programs/net.py").write_text("gradient = start_ = 1\n")
    says = project.run(sys.executable, "train.py", expect=2)
    assert says.startswith("programs/net.py: neither the program nor its map defines one of start, gradients, ")
    (project.folder / "programs/net.py").write_text(START)
    says = project.run(sys.executable, "train.py", expect=2)
    assert says == "programs/net.py: it defines start, so it also has to define gradients and following\n"
    (project.folder / "programs/net.py").write_text(START + BIGRAMS)
    whose = "start, gradients, following: programs/net.py; step: reference.py\n"
    assert whose in project.run(sys.executable, "train.py")
    trained = np.load(project.folder / "models/000000050.npz")
    assert set(trained) == {"w", "state", "next_id"}
    assert trained["state"] == 50 * 25  # characters read
    project.run(sys.executable, "sample.py")


@pytest.mark.slow
def test_trials_train_two_programs_with_the_same_seeds(place):
    project = made(place / "new", updates=20)
    project.run(sys.executable, "prepare.py")
    assert "invalid int value: 'two'" in project.run(sys.executable, "trials.py", "two", expect=2)
    project.run(sys.executable, "trials.py", "2")
    rows = [row.split(",") for row in (project.folder / "trials.csv").read_text().splitlines()[1:]]
    assert [row[:2] for row in rows] == [["reference", "1"], ["my_rnn", "1"], ["reference", "2"], ["my_rnn", "2"]]
    assert rows[0][2:] == rows[1][2:] != rows[2][2:]  # the program is the reference
    answer = (project.folder / "trials.py").read_text().partition("The answer: ")[2].partition("\n")[0]
    told = project.run(*answer.split())
    assert "program=my_rnn" in told
    (project.folder / "programs/bad.py").write_text("gradients = lambda weights, h, x, y: (float('nan'), weights, h)\n")
    project.run(sys.executable, "trials.py", "1", "programs/my_rnn.py", "programs/bad.py")
    assert (project.folder / "trials.csv").read_text().endswith("\nbad,1,nan,nan\n")


def test_the_files_of_a_new_project_are_in_the_package():
    names = [str(path) for path in STARTING.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert str(STARTING / "dot_github/workflows/reproduce.yml") in names
    ignored = subprocess.run(["git", "check-ignore", *names], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ignored.stdout == ""  # hatchling leaves out what Git ignores
