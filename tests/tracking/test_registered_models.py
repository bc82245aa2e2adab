"""The registered model of a text in a real MLflow store: its name, its versions, and the alias of the best."""

from contextlib import chdir
from pathlib import Path

import pytest
from mlflow_project import logged_models, versions
from projects import said

from charloom.core.config.reading import with_overrides
from charloom.tracking.collect import put, this_run
from charloom.tracking.completion import complete
from charloom.tracking.entries import Entry
from charloom.tracking.models import better_model
from charloom.tracking.store import connected

BEST, LAST = "lowest_smooth_loss", "last"
MEASURE = "held_out_bits_per_character"


@pytest.mark.parametrize(
    ("of_lowest", "of_last", "better"),
    [(2.0, 1.9, (LAST, 1.9)), (1.9, 2.0, (BEST, 1.9)), (2.0, 2.0, (BEST, 2.0)), (None, None, (BEST, 30.0))],
)
def test_the_better_of_two_models_on_held_out_text_counts(finished, of_lowest, of_last, better):
    with chdir(finished.folder):
        run = this_run()
    bits = {"best_held_out_bits_per_character": of_lowest, "held_out_bits_per_character": of_last}
    assert better_model(run, run.metrics.model_copy(update=bits | {"best_smooth_loss": 30.0}))[:2] == better


@pytest.mark.slow
def test_the_alias_names_the_best_of_the_models_measured_alike(project):
    with chdir(project.folder):
        entry = Entry(put(this_run()))
        first, tracked_ = entry.first, entry.tracked
        # An experiment, its measure, and the version that is the best then: of equals the first one.
        for name, measure, number in (("a", 2.0, 1), ("b", 1.0, 2), ("c", 1.0, 2), ("d", 0.5, 4), ("e", 4.0, 3)):
            if name == "e":  # somebody has edited the best of those measured alike
                project.client().set_model_version_tag("charloom-fox", "2", "charloom.measure", "much")
            train = {"best_held_out_bits_per_character": measure, "held_out_bits_per_character": measure + 1}
            train |= {"best_update": 0, "held_out_characters_read": 5 if name == "d" else 6}
            entry.first = first.model_copy(update={"experiment": name * 64, "record": name * 64})
            changed = {"train": tracked_.train.model_copy(update=train), "models": tracked_.models | {BEST: 0}}
            entry.tracked = tracked_.model_copy(update=changed)
            entry.points |= {(MEASURE, 0): (measure, first.started), ("smooth_loss", 0): (1.0, first.started)}
            with connected() as store:
                complete(store, entry, entry.tracked)
            assert int(project.client().get_model_version_by_alias("charloom-fox", "best").version) == number
    order = [{"field_name": f"metrics.{MEASURE}", "ascending": True}]
    ranked = logged_models(
        project, filter_string=f"metrics.{MEASURE} < 1.5 AND name = 'lowest_smooth_loss'", order_by=order
    )
    assert [next(x.value for x in each.metrics if x.key == MEASURE) for each in ranked] == [0.5, 1.0, 1.0]
    assert len(versions(project)) == 5


@pytest.mark.slow
def test_each_text_of_one_name_has_its_own_registered_model(project):
    def version_of(name):
        return project.client().get_model_version_by_alias(name, "best")

    with chdir(project.folder):
        entry = Entry(put(this_run()))
        own, models, tracked_ = entry.first, entry.tracked.models, entry.tracked
        # A text's file and SHA-256, the measure of its model, and the name of its registered model.
        fox, cafe = "a" * 64, "c" * 64
        for number, (file, text, measure, name) in enumerate([
            ("fox.txt", fox, 2.0, "charloom-fox"),
            ("fox.txt", own.text_sha256, 1.0, f"charloom-fox-{own.text_sha256[:8]}"),
            ("fox.txt", "b" * 64, 0.5, "charloom-fox-bbbbbbbb"),
            ("wolf.txt", fox, 1.5, "charloom-fox"),  # the first text in another file
            ("caf\u00e9 1.txt", cafe, 2.0, "charloom-caf\u00e9-1"),
            ("cafe\u0301 1.txt", "d" * 64, 1.0, "charloom-caf\u00e9-1-dddddddd"),
            ("cafe\u0301 1.txt", cafe, 1.5, "charloom-caf\u00e9-1"),
            ("caf\u00e9-1.txt", "e" * 64, 1.0, "charloom-caf\u00e9-1-eeeeeeee"),
        ]):  # fmt: skip
            params, key = with_overrides(own.params, {"prepare.text": f"data/{file}"}, Path("-")), f"{number}" * 64
            entry.first = own.model_copy(
                update={"params": params, "text_sha256": text, "experiment": key, "record": key}
            )
            train = {"best_held_out_bits_per_character": measure, "held_out_bits_per_character": measure + 1}
            train |= {"best_update": 0}
            changed = {"train": tracked_.train.model_copy(update=train), "models": models | {BEST: 0}}
            entry.tracked = tracked_.model_copy(update=changed)
            entry.points |= {(MEASURE, 0): (measure, own.started), ("smooth_loss", 0): (1.0, own.started)}
            with connected() as store:
                run = complete(store, entry, entry.tracked)
            assert version_of(name).run_id == run.info.run_id, name
    assert sorted({version.name for version in versions(project)}) == sorted({
        "charloom-fox", f"charloom-fox-{own.text_sha256[:8]}", "charloom-fox-bbbbbbbb", "charloom-caf\u00e9-1",
        "charloom-caf\u00e9-1-dddddddd", "charloom-caf\u00e9-1-eeeeeeee",
    })  # fmt: skip
    for name, warned in (("charloom-fox", True), (f"charloom-fox-{own.text_sha256[:8]}", False)):
        _, warning = said(project, "sample", "--model", f"models:/{name}@best", "--length", "20")
        assert warning == f"warning: models:/{name}@best is a model of another text than data/fox.txt\n" * warned
    (project.folder / "data/fox.txt").unlink()
    assert not said(project, "sample", "--model", "models:/charloom-fox@best", "--length", "20")[1]
