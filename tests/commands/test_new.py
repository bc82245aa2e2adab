"""`charloom new`: what is written, what is refused, and the template that is copied."""

import ast
import hashlib
import re
import shutil
import subprocess
import sys

import pytest
from new_projects import made, new, working_folder
from projects import ROOT, Project

from charloom.commands import new as module

TEMPLATE = ROOT / "template"
PROGRAM = '''
"""A student's program."""
import numpy as np

eta = 0.1


class Step:
    def __init__(self, rnn, eta=eta):
        self.eta = eta


while True:
    pass
'''


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder."""
    return working_folder(tmp_path, monkeypatch)


def test_a_wrong_request_gets_one_line_and_writes_nothing(place, monkeypatch):
    (place / "empty").mkdir()
    (place / "link").symlink_to("nowhere")
    (place / "repository/.git").mkdir(parents=True)
    for name, content in (
        ("bad.py", b"def f(:\n"), ("nul.py", b"x = 1\0\n"), ("latin.py", b"x = 'h\xe9'\n"), ("my.txt", b"x = 1\n"),
        ("deep.py", b"-" * 10**5 + b"1\n"), ("my rnn.py", b""), ("random.py", b""), ("numpy.py", b""),
        ("train.py", b""), ("class.py", b""),
    ):  # fmt: skip
        (place / name).write_bytes(content)
    before = sorted(place.rglob("*"))
    for arguments, line in (
        (["empty"], "empty: exists already; allowed is a new folder\n"),
        (["link"], "link: exists already"),
        (["my.txt"], "my.txt: exists already"),
        (["no/such"], f"no/such: {place}/no is no folder; allowed is an existing one\n"),
        (["repository/x"], f"repository/x: lies in the repository {place}/repository; allowed is a folder outside"),
        ([ROOT / "x"], f"{ROOT}/x: lies in the repository {ROOT}"),
        (["a\nb"], r"a\nb: allowed is a path without line breaks"),
        (["a\x1b[2Jb"], r"a\x1b[2Jb: allowed is a path without line breaks"),
        (["new", "--program", "no.py"], "--program: no.py: no such program; allowed is a file that ends with .py\n"),
        (["new", "--program", "my.txt"], "--program: my.txt: no such program"),
        (["new", "--program", "bad.py"], "--program: bad.py: "),
        (["new", "--program", "nul.py"], "--program: nul.py: "),
        (["new", "--program", "latin.py"], "--program: latin.py: "),
        (["new", "--program", "deep.py"], "--program: deep.py: "),
        *((["new", "--program", f"{name}.py"], f"--program: {name}.py: not a module's name, or that of another module")
          for name in ("my rnn", "random", "numpy", "train", "class")),
    ):  # fmt: skip
        code, printed, complaint = new(*arguments)
        assert (code, printed, complaint.count("\n")) == (2, "", 1), arguments
        assert complaint.startswith(line)
    code, _, complaint = new("x" * 300)
    assert (code, complaint.count("\n")) == (5, 1)
    monkeypatch.setattr(module, "TEMPLATE", place / "template")
    assert new("new")[::2] == (2, "new: this charloom has no folder template/; allowed is `charloom new` of a clone\n")
    assert sorted(place.rglob("*")) == before


def test_a_failure_of_git_leaves_nothing(place, monkeypatch):
    (place / "hooks").mkdir()
    (place / "hooks/pre-commit").write_text("#!/bin/sh\necho no >&2\nexit 1\n")
    (place / "hooks/pre-commit").chmod(0o755)
    before = sorted(place.rglob("*"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    with monkeypatch.context() as hook:
        hook.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
        hook.setenv("GIT_CONFIG_VALUE_0", str(place / "hooks"))
        assert new("new") == (5, "", "git: no\n")
    with monkeypatch.context() as nobody:
        for name in ("AUTHOR", "COMMITTER"):
            nobody.delenv(f"GIT_{name}_NAME")
            nobody.delenv(f"GIT_{name}_EMAIL")
        nobody.setenv("HOME", str(place))
        nobody.setenv("GIT_CONFIG_NOSYSTEM", "1")
        nobody.setenv("GIT_CONFIG_KEY_0", "user.useConfigOnly")  # no name from the machine's own
        nobody.setenv("GIT_CONFIG_VALUE_0", "true")
        code, _, complaint = new("new")
        assert (code, complaint.count("\n")) == (5, 1)
        assert "identity unknown" in complaint
    monkeypatch.setenv("PATH", "")
    assert new("new") == (5, "", "git: No such file or directory\n")
    assert sorted(place.rglob("*")) == before


def test_a_new_project_is_one_commit_of_the_template_with_the_novel(place, monkeypatch):
    used = place / "used"  # the template, after somebody ran it in its place
    shutil.copytree(TEMPLATE, used)
    (used / "models").mkdir()
    (used / "models/last.npz").write_text("a result")
    monkeypatch.setattr(module, "TEMPLATE", used)
    monkeypatch.setenv("GIT_DIR", "elsewhere")  # as in a hook
    code, printed, complaint = new("my project")
    monkeypatch.delenv("GIT_DIR", raising=False)
    assert (code, complaint) == (0, "")
    assert printed.splitlines()[-1] == "next: cd 'my project', read README.md"
    project = Project(place / "my project")
    assert project.run("git", "status", "--short", "--ignored") == ""
    assert project.run("git", "log", "--format=%s") == "Start with charloom new\n"
    files = project.run("git", "ls-files").splitlines()
    listed = subprocess.check_output(["git", "ls-files"], cwd=TEMPLATE, text=True).splitlines()
    assert files == listed
    for name in {*files} - {"requirements.txt"}:
        assert (project.folder / name).read_bytes() == (TEMPLATE / name).read_bytes()
    assert not (project.folder / "data/moby_dick.txt").is_symlink()
    novel = hashlib.sha256((project.folder / "data/moby_dick.txt").read_bytes()).hexdigest()
    assert novel in (project.folder / "data/README.md").read_text()
    assert sorted(path.name for path in place.iterdir()) == ["my project", "used"]  # no temporary folder


@pytest.mark.parametrize(
    ("origin", "address"),
    [
        ("https://github.com/ann/charloom.git", "https://github.com/ann/charloom.git"),
        ("https://ann:secret@host.invalid:8443/c", "https://host.invalid:8443/c"),
        ("https://secret@host.invalid/c?private_token=secret", "https://host.invalid/c"),
        ("git@host.invalid:ann/charloom.git", "ssh://git@host.invalid/ann/charloom.git"),
        ("ssh://git:secret@host.invalid/c", "ssh://git@host.invalid/c"),
        ("/srv/git/char loom", "file:///srv/git/char%20loom"),
        ("../other", None),  # relative to the clone
    ],
)
def test_requirements_name_the_origin_without_a_login_and_a_commit_that_it_has(place, monkeypatch, origin, address):
    clone = Project(place / "clone")
    clone.folder.mkdir()
    clone.run("git", "init", "-q")
    monkeypatch.setattr(module, "ROOT", clone.folder)
    _, printed, _ = new("new0")
    assert "needs ADDRESS and COMMIT of charloom: fill them in; this clone has no origin" in printed
    commit, address = clone.commit(), address or (place / "other").as_uri()
    clone.run("git", "config", "remote.origin.url", origin)
    _, printed, _ = new("new1")
    assert f"needs a COMMIT of {address}: fill it in; {commit[:10]} of this clone is not pushed" in printed
    clone.run("git", "update-ref", "refs/remotes/origin/main", commit)
    clone.run("git", "checkout", "-q", "--detach")
    _, printed, _ = new("new2")
    assert f"installs seedpairs, dvc-proof and rnncheck from {address}\n" in printed
    for folder, expected in (
        ("new0", ("ADDRESS", "COMMIT")), ("new1", (address, "COMMIT")), ("new2", (address, commit)),
    ):  # fmt: skip
        text = (place / folder / "requirements.txt").read_text()
        assert "secret" not in text
        found = re.findall(r"(\S+) @ git\+(\S+)@(\w+)#subdirectory=packages/(\S+)$", text, re.MULTILINE)
        assert found == [(name, *expected, name) for name in ("seedpairs", "dvc-proof", "rnncheck")]


def test_a_program_is_copied_unread_by_python_and_model_py_names_what_it_has(place):
    (place / "my_rnn.py").write_text(PROGRAM)
    code, printed, _ = new("new", "--program", "my_rnn.py")
    assert (code, printed.splitlines()[-1]) == (0, "next: cd new, fill in src/model.py, read README.md")
    assert (place / "new/src/my_rnn.py").read_text() == PROGRAM
    model = (place / "new/src/model.py").read_text()
    assert "\nimport my_rnn\n" in model
    for line in ("eta = 0.1", "class Step: __init__(self, rnn, eta=eta)", "line 13 runs at the import: while True:"):
        assert f"\n#   {line}\n" in model
    given = {node.name: ast.unparse(node.args) for node in ast.parse(model).body if isinstance(node, ast.FunctionDef)}
    default = ast.parse((TEMPLATE / "src/model.py").read_text()).body
    own = {node.name: ast.unparse(node.args) for node in default if isinstance(node, ast.FunctionDef)}
    assert given == {name: own[name] for name in ("start", "gradients", "step", "loss", "write")}


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
def project(place):
    """A small project whose text is prepared."""
    project = made(place / "new")
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
def test_a_function_that_would_not_get_its_params_is_refused(project, old, new, line):
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
        (["eta=0.1,fast"], "params.yaml: eta: 'fast' is not allowed"),
        (["beta=1,2"], "params.yaml: beta is missing"),
    ):
        code = 2 if arguments == ["eta=0.1"] else 1
        assert line in project.run(sys.executable, "src/study.py", *arguments, expect=code)


@pytest.mark.slow
def test_another_network_is_checked_with_differences(project):
    (project.folder / "src/model.py").write_text(BIGRAMS)
    says = project.run(sys.executable, "src/check.py")
    assert "rnncheck does not know this network: its weights are w; compared with differences\n" in says
    for right, wrong, line in (
        ("(x, y), -1)", "(x, y), -1.1)", "gradients: w has the slope "),
        (".sum(), state\n", ".mean(), state\n", "loss: "),
    ):
        project.edit("src/model.py", right, wrong)
        assert f"\n{line}" in project.run(sys.executable, "src/check.py", expect=1)
        project.edit("src/model.py", wrong, right)


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
