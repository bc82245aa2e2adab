"""Ten edits and reruns of one experiment, one after the other: runs and reproductions in MLflow after each."""

import shutil

from projects import Project, started, until
from recorded import holds_what_the_files_hold

LONG = {
    "updates: 400": "updates: 1500000",
    "checkpoint_every: 200": "checkpoint_every: 500000",
    "save_every: 100": "save_every: 50000",
}


def counted(project: Project, store: str = "") -> list[tuple[int, int]]:
    """Return of each run its trainings with equal results that came after the first, and those with other results."""
    return [
        (int(run.data.tags["charloom.reproductions"]), run.data.tags["charloom.trainings"].count('"same": false'))
        for run in sorted(project.runs(store), key=lambda run: run.info.start_time)
    ]


def test_ten_edits_and_reruns(project, tmp_path, capsys):  # noqa: PLR0915  one story
    table = []

    def after(what: str, expected: list[tuple[int, int]], stages: list[str] | None = None, printed: str = "") -> None:
        assert all(run.info.status == "FINISHED" for run in project.runs())
        assert counted(project) == expected, what
        assert stages is None or project.stages(printed) == stages
        table.append(f"{what:58} {len(expected)} {', '.join(f'{same}/{other}' for same, other in expected)}")

    everything = ["prepare", "gradcheck", "train", "sample", "plot", "track"]
    project.run("dvc", "repro", "--force")
    after("first run", [(0, 0)])
    terminal = project.folder / "src/charloom/base/terminal.py"
    terminal.write_text(f"{terminal.read_text()}# a comment\n")
    after("1 a comment in base", [(1, 0)], everything, project.run("dvc", "repro"))
    project.edit("src/charloom/pages/templates/samples.html", "<h3>After ", "<h3>Written after ")
    after("2 a caption", [(1, 0)], ["plot", "track"], project.run("dvc", "repro"))
    project.edit("src/charloom/tracking/about_runs.md", "**To compare settings**", "**To compare**")
    after("3 MLflow code", [(1, 0)], ["track"], project.run("dvc", "repro"))
    update = project.folder / "src/charloom/kernel/update.py"
    update.write_text(f"{update.read_text()}# a comment\n")
    after("4 a comment in the kernel", [(2, 0)], None, project.run("dvc", "repro"))
    whole = update.read_text()
    project.edit("src/charloom/kernel/update.py", "0.999 * smooth", "0.99 * smooth")
    project.run("dvc", "repro")
    after("5 a real change of the recipe", [(2, 1), (0, 0)])
    update.write_text(whole)
    project.run("dvc", "repro", "--force")
    after("6 the change taken back; a forced run", [(3, 1), (0, 0)])

    for old, new in LONG.items():
        project.edit("params.yaml", old, new)
    train = started(project, "python", "src/train.py")
    until(lambda: any("smooth_loss" in run.data.metrics for run in project.runs() if run.info.status == "RUNNING"))
    train.kill()
    train.wait()
    assert "resumed at update" in project.run("dvc", "repro")
    after("7 a killed run of more updates, resumed", [(3, 1), (0, 0), (0, 0)])
    holds_what_the_files_hold(project, project.client(), newest(project))

    project.edit("params.yaml", "seed: 1 ", "seed: 2 ")
    clone = Project(tmp_path / "clone")
    shutil.copytree(project.folder, clone.folder, symlinks=True, ignore=shutil.ignore_patterns("mlflow.db*"))
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{project.folder}/mlflow.db"}
    both = [started(each, "dvc", "repro", **store) for each in (project, clone)]
    assert [process.wait(timeout=300) for process in both] == [0, 0]
    for each in (project, clone):
        assert "warning" not in (each.folder / "printed.txt").read_text()
    after("8 two at once, in two clones with one store", [(3, 1), (0, 0), (0, 0), (1, 0)])
    holds_what_the_files_hold(project, project.client(), newest(project))

    project.run("git", "checkout", "-q", "params.yaml")
    # DVC takes results that it knows from its cache and trains nothing: how often a training saves makes it train.
    for setting in ("train.save_every=50", "m=9"):
        project.run("dvc", "exp", "run", "--queue", "-S", setting)
    printed = project.run("dvc", "exp", "run", "--run-all")
    assert printed.count("> python src/train.py") == printed.count("\nMLflow run ") == 2, printed
    after("9 a queue of the first experiment and of a new one", [(4, 1), (0, 0), (0, 0), (1, 0), (0, 0)])

    fresh = f"sqlite:///{project.folder}/fresh.db"
    for command in (("dvc", "repro"), ("charloom", "track")):
        project.run(*command, MLFLOW_TRACKING_URI=fresh)
    table.append(f"{'10 a fresh store':58} {counted(project, fresh)}")
    assert counted(project, fresh) == [(0, 0)]
    with capsys.disabled():
        print(
            "\nafter                                              runs; reproductions/others of each", *table, sep="\n"
        )


def newest(project: Project):
    """Return the run that started last."""
    return max(project.runs(), key=lambda run: run.info.start_time)
