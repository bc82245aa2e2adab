"""The registered model of a text in a real MLflow store: its name, its versions, and the alias of the best."""

import shutil
from collections.abc import Callable
from contextlib import chdir

import pytest
from mlflow_project import this_run, versions
from projects import Project, said

from charloom.core.base.storage import read_json, write_json
from charloom.tracking import collect, tag
from charloom.tracking.collect import put_run
from charloom.tracking.outbox import BEST, LAST, Manifest
from charloom.tracking.sending import send_all


@pytest.fixture
def send(project, tmp_path) -> Callable[..., None]:
    """A function that sends the project's run as that of another training, with these fields and tags changed."""
    with chdir(project.folder):
        entry = put_run(this_run())
    whole, manifest = shutil.move(entry, tmp_path / "entry"), read_json(tmp_path / "entry/manifest.json", Manifest)

    def sent(number: int, measure: float, tags: dict[str, str], **changed: str) -> None:
        better = manifest.better | {"model": LAST, tag.MEASURED: repr(measure)} | tags
        tags = manifest.tags | {tag.KEY: f"{number}" * 64} | tags
        new = {"id": f"{number}" * 32, "better": better, "tags": tags} | changed
        shutil.copytree(whole, entry)
        write_json(entry / "manifest.json", manifest.model_dump() | new)
        with chdir(project.folder):
            send_all(entry)

    return sent


def best_of(project: Project, name: str = "charloom-fox"):
    return project.client().get_model_version_by_alias(name, "best")


@pytest.mark.parametrize(
    ("of_lowest", "of_last", "better"),
    [(2.0, 1.9, (LAST, "1.9")), (1.9, 2.0, (BEST, "1.9")), (2.0, 2.0, (BEST, "2.0")), (None, None, (BEST, "30.0"))],
)
def test_the_better_of_two_models_on_held_out_text_counts(finished, of_lowest, of_last, better):
    bits = {"best_held_out_bits_per_character": of_lowest, "held_out_bits_per_character": of_last}
    with chdir(finished.folder):
        run = this_run()
    told = collect._better(run._replace(metrics=run.metrics.model_copy(update=bits | {"best_smooth_loss": 30.0})))
    assert (told["model"], told[tag.MEASURED]) == better


@pytest.mark.slow
def test_the_alias_names_the_best_of_the_models_measured_alike(project, send):
    # The measure of a model, how it was measured, and the version that is the best then: of equals the first one.
    for number, (measure, how, best) in enumerate(
        [(2.0, "a", 1), (1.0, "a", 2), (1.0, "a", 2), (0.5, "b", 4), (4.0, "a", 3)]
    ):
        if number == 4:  # somebody has edited the best of those measured alike
            project.client().set_model_version_tag("charloom-fox", "2", tag.MEASURED, "much")
        send(number, measure, {tag.COMPARABLE: how})
        assert int(best_of(project).version) == best
    assert len(versions(project)) == 5


@pytest.mark.slow
def test_each_text_of_one_name_has_its_own_registered_model(project, send):
    own, fox, cafe = read_text(project), "a" * 64, "c" * 64
    # A text's file and SHA-256, and the name of its registered model.
    rows = [
        ("fox.txt", fox, "charloom-fox"),
        ("fox.txt", own, f"charloom-fox-{own[:8]}"),
        ("fox.txt", "b" * 64, "charloom-fox-bbbbbbbb"),
        ("wolf.txt", fox, "charloom-fox"),  # the first text in another file
        ("caf\u00e9 1.txt", cafe, "charloom-caf\u00e9-1"),
        ("cafe\u0301 1.txt", "d" * 64, "charloom-caf\u00e9-1-dddddddd"),
        ("cafe\u0301 1.txt", cafe, "charloom-caf\u00e9-1"),
    ]
    for number, (file, text, name) in enumerate(rows):
        about = {tag.COMPARABLE: text, tag.TEXT: text}
        send(number, 2 - number / 10, about, experiment=text, source=f"data/{file}")
        assert project.client().get_run(best_of(project, name).run_id).data.tags[tag.KEY] == f"{number}" * 64
    assert {version.name for version in versions(project)} == {name for *_, name in rows}
    for name, warned in (("charloom-fox", True), (f"charloom-fox-{own[:8]}", False)):
        _, warning = said(project, "sample", "--model", f"models:/{name}@best", "--length", "20")
        assert not warning or warned  # the model itself was trained on data/fox.txt


def read_text(project: Project) -> str:
    with chdir(project.folder):
        return this_run().text_sha256
