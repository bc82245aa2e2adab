"""False things that once were called the same, better or recorded: by what is claimed. None of them passes."""

import json

import pytest
from claims import CLAIM, commit, edit_digit, refused, relock, replace_by_link, set_metric, submodule
from projects import copied, said
from study_projects import ask, conducted, smaller_eta_than_base

MEASURE = "held_out_bits_per_character"
QUESTION = f"vary: {{eta: [0.1, 0.05]}}\nbaseline: {{eta: 0.1}}\nseeds: 4\nmeasure: {MEASURE}\n"
GRADCHECK = "      - metrics/gradcheck.json: {cache: false}\n"


def frozen(project):
    """The stage is frozen, and a number of its outputs and their hash in dvc.lock are edited."""
    project.edit("dvc.yaml", "  gradcheck:\n", "  gradcheck:\n    frozen: true\n")
    set_metric(project, "gradcheck", "tolerance", "1e-9")


def unnamed(project):
    (project.folder / "metrics/claim.json").write_text(CLAIM)


def of_a_submodule(project):
    submodule(project, "part", claim_json=CLAIM, dvc_yaml="metrics: [claim.json]\n")
    assert "part/claim.json" in project.run("dvc", "metrics", "show")


def second_key(project):
    claim = "        metrics/claim.json: {cache: false, persist: true}\n"
    project.edit("dvc.yaml", GRADCHECK, f"{GRADCHECK}{claim}")


def top_level(project):
    project.edit("dvc.yaml", "\nplots: ", "\nmetrics: [metrics/claim.json]\n\nplots: ")


def foreach(project):
    claims = (
        "  claims:\n    foreach: [claim]\n    do:\n      cmd: 'true'\n"
        "      metrics:\n        - metrics/${item}.json: {cache: false, persist: true}\n\n"
    )
    project.edit("dvc.yaml", "  track:\n", f"{claims}  track:\n")


def subfolder(project):
    entry = "- claim.json: {cache: false, persist: true}\n"
    path = project.folder / "metrics/dvc.yaml"
    path.write_text(f"stages:\n  claim:\n    cmd: 'true'\n    metrics:\n      {entry}")
    project.run("git", "add", "-f", "metrics")


def output_outside(project):
    project.edit("dvc.yaml", GRADCHECK, f"{GRADCHECK}      - {project.folder.parent}/outside: {{cache: false}}\n")


def output_by_another_path(project):
    """Its hash in dvc.lock is none."""
    relock(project, "models/best.npz", b"another")
    for name in ("dvc.yaml", "dvc.lock"):
        project.edit(name, "models/best.npz", "reports/../models/best.npz")


def link_out(project):
    """Stages would write into the folder."""
    project.run("cp", "-r", "metrics", "../outside")
    replace_by_link(project, "metrics", str(project.folder.parent / "outside"))


def link_of_params(project):
    project.run("mv", "params.yaml", "..")
    replace_by_link(project, "params.yaml", "../params.yaml")


def link_to_itself(project):
    replace_by_link(project, "loop", "loop")
    edit_digit(project, "metrics/sample.json")


def links_in_a_loop(project):
    replace_by_link(project, "metrics/a", "b")
    replace_by_link(project, "metrics/b", "a")


def link_in_place_of_the_text(project):
    """The text is in DVC, and where it is to lie is a link to a file outside that does not exist."""
    project.run("git", "rm", "-q", "--cached", "data/fox.txt")
    project.run("dvc", "add", "-q", "data/fox.txt")
    (project.folder / "data/.gitignore").unlink()
    replace_by_link(project, "data/fox.txt", str(project.folder.parent / "outside/written.txt"))


def link_above_the_text(project):
    link_in_place_of_the_text(project)
    added = (project.folder / "data/fox.txt.dvc").read_text()
    (project.folder / "data/fox.txt").unlink()
    (project.folder / "data/below").symlink_to("../../outside")
    (project.folder / "data/other.dvc").write_text(added.replace("path: fox.txt", "path: below/fox.txt"))
    project.edit("params.yaml", "data/fox.txt", "data/below/fox.txt")


LINK = "a link that leads out of the repository"
REFUSED = {
    frozen: "dvc.yaml: gradcheck is frozen, and DVC does not run it; remove `frozen: true`\n",
    unnamed: "DIFFERENT  track: metrics/claim.json: no stage makes it\n",
    of_a_submodule: "DIFFERENT  track: part/dvc.yaml: its stages were not run\n",
    second_key: "first difference: prepare: dvc.yaml: gradcheck: an output has metrics/gradcheck.json and ",
    top_level: "DIFFERENT  track: dvc.yaml: metrics: what it names was not rebuilt\n",
    foreach: ": an unknown key of a stage: its results were not rebuilt\n",
    subfolder: "DIFFERENT  track: metrics/dvc.yaml: its stages were not run\n",
    output_outside: "outside is not allowed; allowed is a path in this folder, such as metrics/x.json\n",
    output_by_another_path: "output reports/../models/best.npz is not allowed; ",
    link_out: f"first difference: metrics: {LINK}\n",
    link_of_params: f"first difference: params.yaml: {LINK}\n",
    link_to_itself: f"first difference: loop: {LINK}\n",
    links_in_a_loop: f": {LINK}\n",
    link_in_place_of_the_text: f"first difference: data/fox.txt: {LINK}\n",
    link_above_the_text: f"first difference: data/below: {LINK}\n",
}


@pytest.mark.parametrize("plant", REFUSED, ids=lambda plant: plant.__name__)
def test_what_a_rebuild_would_not_make_is_refused_before_anything_runs(project, tmp_path, plant):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/precious").write_text("somebody's")
    plant(project)
    commit(project)
    before = {path: path.read_bytes() for path in (tmp_path / "outside").rglob("*.*")}
    printed = refused(project)
    assert REFUSED[plant] in printed
    assert "rebuilding" not in printed
    assert (tmp_path / "outside/precious").read_text() == "somebody's"
    assert {path: path.read_bytes() for path in (tmp_path / "outside").rglob("*.*")} == before


def set_measure(folder, eta: str, seeds: str, value: float) -> None:
    """Write the value into the table's rows with this eta and these seeds. Keys and hashes of results stay."""
    head, *rows = (line.split(",") for line in (folder / "trials.csv").read_text().splitlines())
    for cells in rows:
        if cells[0] == eta and cells[1] in seeds:
            cells[head.index(MEASURE)] = str(value)
    (folder / "trials.csv").write_text("\n".join([*map(",".join, [head, *rows]), ""]))


def test_a_row_under_another_key_is_damage_wherever_it_is_read(project):
    folder = ask(project, QUESTION.replace("seeds: 4", "seeds: 2"))
    conducted(project)
    commit(project)
    project.run("git", "branch", "base")
    table = folder / "trials.csv"
    *rows, last = table.read_text().splitlines()
    table.write_text("\n".join([*rows, f"{last.rpartition(',')[0]},{'0' * 16}", ""]))
    commit(project)
    of_table = ("compare studies/a", "study studies/a.yaml", "study studies/a.yaml --prove 9",
                "verify --study studies/a.yaml")  # fmt: skip
    line = f"line {len(rows) + 1}: trial is {'0' * 16}, but its params have the key "
    for command in of_table:
        assert said(project, *command.split(), code=3)[1].startswith(f"studies/a/trials.csv: {line}")
    assert line in summary(project)


@pytest.fixture(scope="module")
def answered(finished, tmp_path_factory):
    """A project with a smaller eta than its base, and a study that both have; what a test does to it is undone."""
    project = copied(finished, tmp_path_factory.mktemp("answered") / "project")
    folder = smaller_eta_than_base(project, QUESTION)
    head = commit(project)
    return project, folder, head


@pytest.fixture
def study(answered):
    project, folder, head = answered
    yield project, folder
    project.run("git", "reset", "-q", "--hard", head)


def summary(project) -> str:
    """Commit the claim, and return what its summary says."""
    commit(project)
    return said(project, "summary", "--base", "base")[0]


@pytest.mark.parametrize("passages", [False, True])
def test_a_table_that_contradicts_a_commits_own_metric_is_not_believed(study, passages):
    """With passages they contradict the edited measure, too."""
    project, folder = study
    own = json.loads((project.folder / "metrics/train.json").read_text())[MEASURE]
    set_measure(folder, "0.05", "1234", own / 10)
    if not passages:
        (folder / "passages.csv").unlink()
    printed = summary(project)
    why = "studies/a/passages.csv: line " if passages else f"studies/a has {own / 10} for seed 1"
    assert f"<b>Better:</b> <b>not known</b>: <code>{why}" in printed
    assert ("One of the two is wrong." in printed) == (not passages)


def test_edited_numbers_of_rows_that_the_base_has_are_not_believed(study):
    """The numbers of other seeds than the commit's own make the base's setting better."""
    project, folder = study
    set_measure(folder, "0.05", "234", 4.5)
    (folder / "passages.csv").unlink()
    printed = summary(project)
    assert "<b>Better:</b> <b>not known</b>: <code>studies/a has " in printed
    assert "and studies/a of the base " in printed


def test_two_tables_that_say_other_things_of_one_training_are_not_believed(study):
    """The row is of a seed that the commit itself has not."""
    project, _ = study
    folder = ask(project, f"{QUESTION}smallest_difference: 0.001\n", "b")
    conducted(project, "b")
    set_measure(folder, "0.1", "2", 1.25)
    (folder / "passages.csv").unlink()
    printed = summary(project)
    assert "<b>Better:</b> <b>not known</b>: <code>studies/a has " in printed
    assert f" for seed 2 ({MEASURE}), and studies/b of HEAD 1.25. One of the two is wrong." in printed
    assert printed.count("<code>studies/b has 1.25 for seed 2") == 1
