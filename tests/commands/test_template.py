"""The project that `charloom new` copies: its imports and size, its params, functions, studies and check."""

import ast
import re
import sys

import pytest
from new_projects import made, working_folder
from projects import ROOT

TEMPLATE = ROOT / "template"


def test_a_reader_understands_the_template_in_ten_minutes():
    """It has 350 lines of code at most: without blank lines, comments and docstrings."""
    count = 0
    for path in TEMPLATE.glob("src/*.py"):
        lines = path.read_text().splitlines()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
                first = node.body[0]
                lines[first.lineno - 1 : first.end_lineno] = [""] * (first.end_lineno - first.lineno + 1)
        count += sum(bool(line.strip()) and not line.strip().startswith("#") for line in lines)
    assert 300 < count <= 350


def test_the_template_imports_no_charloom_and_requires_the_tested_versions():
    allowed = {"numpy", "mlflow", "matplotlib", "ruamel", "rnncheck", "pytest"} | {*sys.stdlib_module_names}
    allowed |= {path.stem for path in TEMPLATE.glob("src/*.py")}
    sources = [path.read_text() for path in TEMPLATE.rglob("*.py")]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    names = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    assert {name.partition(".")[0] for name in names} <= allowed
    pins = {*re.findall(r"^\S+==\S+", (ROOT / "requirements.lock").read_text(), re.MULTILINE)}
    pins |= {pin.replace("ruamel-yaml", "ruamel.yaml") for pin in pins}
    required = re.findall(r"^\S+==\S+$", (TEMPLATE / "requirements.txt").read_text(), re.MULTILINE)
    assert len(required) > 5
    assert {*required} <= pins
    actions = re.findall(r"uses: (\S+@\w+)", (TEMPLATE / ".github/workflows/reproduce.yml").read_text())
    assert {*actions} <= {*re.findall(r"uses: (\S+@\w+)", (ROOT / ".github/workflows/reproduce.yml").read_text())}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A small project whose text is prepared."""
    project = made(working_folder(tmp_path, monkeypatch) / "new")
    project.run(sys.executable, "src/prepare.py")
    return project


@pytest.mark.slow
def test_the_templates_own_tests_pass_and_find_a_param_without_effect(project):
    test = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
    assert re.search(r"\d+ passed, 2 skipped", project.run(*test))
    project.edit("src/model.py", "weights[name] -= eta *", "weights[name] -= 0.1 *")
    assert "1 failed" in project.run(*test, "-k", "eta or seed", expect=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("eta: fast", "params.yaml: eta: 'fast' is not allowed; allowed is a number from 0 on"),
        ("eta: .nan", "params.yaml: eta: nan is not allowed"),
        ("m: 1.5", "params.yaml: m: 1.5 is not allowed; allowed is a whole number from 1 on"),
        ("seed: -1", "params.yaml: seed: -1 is not allowed; allowed is a whole number from 0 on"),
        ("seq_length: 5000", "params.yaml: seq_length: 5000 is not allowed: 2089 rows are for training"),
        ("program: no", "params.yaml: program: no is not allowed: src/no.py does not exist"),
        ("etta: 0.1", "params.yaml: eta is missing; it has program, "),
        ("clip: [", "while parsing a flow node"),
        ("eta: 1e308", "training diverged: the loss of update "),
    ],
)
def test_a_wrong_param_gets_one_line(project, change, line):
    name = change.partition(":")[0].replace("etta", "eta")
    text = (project.folder / "params.yaml").read_text().splitlines()
    (project.folder / "params.yaml").write_text("\n".join(change if t.startswith(f"{name}:") else t for t in text))
    says = project.run(sys.executable, "-W", "ignore", "src/train.py", expect=1)
    assert says.startswith(line)
    assert says.count("\n") == 1
    assert not (project.folder / "models").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("def step(", "def steps(", "src/model.py: step(weights, gradients, memory, n) is missing\n"),
        ("n, *, eta, ", "n, eta=0.5, *, ", "src/model.py: step takes (weights, gradients, memory, n); params follow "),
        ("*, eta, ", "*, eta, beta=0.9, ", "src/model.py: step takes beta, which dvc.yaml does not list for this sta"),
    ],
)  # fmt: skip
def test_a_function_with_wrong_arguments_is_refused(project, old, new, line):
    project.edit("src/model.py", old, new)
    assert project.run(sys.executable, "src/train.py", expect=1).startswith(line)


@pytest.mark.slow
def test_a_param_that_no_function_takes_gets_a_line_and_a_default_is_never_used(project):
    models = []
    project.edit("src/model.py", "*, eta, ", "*, eta=0.1, ")
    for eta in (0.1, 0.2):
        project.set(eta=eta)
        assert project.run(sys.executable, "src/train.py") == ""
        models.append((project.folder / "models/last.npz").read_bytes())
    assert models[0] != models[1]
    project.edit("src/model.py", "*, eta=0.1, ", "*, ")
    project.edit("src/model.py", "-= eta *", "-= 0.1 *")
    line = "params.yaml: eta has no effect here: start, gradients, step of src/model.py do not take it\n"
    assert project.run(sys.executable, "src/train.py") == line


@pytest.mark.slow
def test_global_generators_are_seeded_before_each_use(project):
    project.edit("src/model.py", "rng.choice(", "np.random.choice(")
    project.edit("src/model.py", "sigma * rng.normal(size=shape)", "sigma * np.random.normal(size=shape)")
    results = []
    for _ in range(2):
        for stage in ("train", "evaluate"):
            project.run(sys.executable, f"src/{stage}.py")
        results.append([(project.folder / name).read_bytes() for name in ("models/last.npz", "sample.txt")])
    assert results[0] == results[1]


@pytest.mark.slow
def test_a_study_compares_two_programs_with_all_else_equal(project):
    project.run("cp", "src/model.py", "src/double.py")
    project.edit("src/double.py", "-= eta *", "-= 2 * eta *")
    answer = project.run(sys.executable, "src/study.py", "program=model,double", "updates=20", "--seeds", "3")
    assert "program=double" in answer
    rows = [row.split(",") for row in (project.folder / "study.csv").read_text().splitlines()]
    assert rows[0] == ["program", "updates", "seed", "held_out_bits"]
    assert [row[:3] for row in rows[1:]] == [[name, "20", str(n)] for name in ("model", "double") for n in (1, 2, 3)]
    assert len({row[3] for row in rows[1:]}) == 6
    project.set(updates=20, seed=2)
    for stage in ("train", "evaluate"):
        project.run(sys.executable, f"src/{stage}.py")
    assert f'"held_out_bits": {rows[2][3]}' in (project.folder / "metrics/held_out.json").read_text()
    for arguments, line in (
        (["eta=0.1"], "allowed are two values or more of a param"),
        (["eta=0,05,0,1"], "each once, such as eta=0.05,0.1"),
        (["eta=0.1,fast"], "params.yaml: eta: 'fast' is not allowed"),
        (["beta=1,2"], "params.yaml: beta is missing"),
    ):
        code = 1 if "params.yaml" in line else 2
        assert line in project.run(sys.executable, "src/study.py", *arguments, expect=code)


@pytest.mark.slow
def test_the_check_compares_another_network_with_differences(project):
    (project.folder / "src/model.py").write_text(BIGRAMS)
    says = project.run(sys.executable, "src/check.py")
    assert "rnncheck does not know this network: its weights are w; compared with differences\n" in says
    for right, wrong, line in (
        ("(x, y), -1)", "(x, y), -1.1)", "gradients: w has the slope "),
        ('{"w": grad}', '{"w": grad.sum(axis=0)}', NO_GRADIENT),
        ('{"w": grad}', "{}", NO_GRADIENT),
        (".sum(), state\n", ".mean(), state\n", "loss: "),
    ):
        project.edit("src/model.py", right, wrong)
        assert re.search(f"^{line}", project.run(sys.executable, "src/check.py", expect=1), re.MULTILINE)
        project.edit("src/model.py", wrong, right)


@pytest.mark.slow
def test_another_optimiser_is_trained_and_a_wrong_gradient_is_not(project):
    project.edit("src/model.py", " / np.sqrt(memory[name] + 2.2e-16)", "")
    assert "step: The step is plain gradient descent" in project.run(sys.executable, "src/check.py")
    (project.folder / "metrics/check.json").unlink()
    project.edit("src/model.py", 'weights["W"].T @ d[t]', 'weights["W"] @ d[t]')
    assert "the model does not pass rnncheck" in project.run(sys.executable, "src/check.py", expect=1)
    assert not (project.folder / "metrics/check.json").exists()


NO_GRADIENT = r"gradients: w has the slope \S+ along a random direction, not nan$"
BIGRAMS = """
import numpy as np

def start(K, x, rng, *, sigma):
    return {"w": sigma * rng.normal(size=(K, K))}, np.zeros(0)

def log_p(weights, x):
    return weights["w"][x] - np.log(np.exp(weights["w"][x]).sum(axis=1, keepdims=True))

def loss(weights, state, x, y):
    return -log_p(weights, x)[range(len(y)), y].sum(), state

def gradients(weights, state, x, y):
    grad = np.zeros_like(weights["w"])
    np.add.at(grad, x, np.exp(log_p(weights, x)))
    np.add.at(grad, (x, y), -1)
    return loss(weights, state, x, y)[0], {"w": grad}, state

def step(weights, gradients, memory, n, *, eta):
    return {"w": weights["w"] - eta * gradients["w"]}, None

def write(weights, state, x, rng, *, length):
    return [rng.choice(len(weights["w"]), p=np.exp(log_p(weights, x[-1:])[0])) for _ in range(length)]
"""
