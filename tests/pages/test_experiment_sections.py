"""What the sections of the experiment's page say of a run, of other seeds, and of other people's runs."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from pages.reported import changed, measured, part, reading
from projects import ROOT, STUDIES
from runs import a_run

from charloom.core.base.errors import Damaged
from charloom.core.base.storage import read_json
from charloom.core.config.reading import read_params, with_overrides
from charloom.core.config.records import PART_MEASURE, TextMetrics
from charloom.pages.experiment import first_updates, loss, result
from charloom.pages.experiment.experiment_files import START, read_published, trials_like
from charloom.pages.experiment.first_updates import replay

STUDY = ROOT / "studies/initial_accumulator/asked.json"
COMMITTED = read_params(ROOT / "params.yaml")
ROSE, JUDGED = "the loss rose from 40.0 to 90.5 (update 2)", "does not show whether the model overfits"


def seeds_of(run):
    """Return the held-out costs of the committed trials with the run's settings, by seed."""
    return {trial.seed: bits for study in STUDIES for trial, bits in trials_like(run, study / "asked.json")}


def test_a_run_is_placed_among_the_seeds_and_starts_of_studies(results):
    """The starts are those of runs that differ in the start alone."""
    pairs = [(trial.train.initial_accumulator_value, bits) for trial, bits in trials_like(a_run(), STUDY, START)]
    study = {start: [bits for own, bits in pairs if own == start] for start in (0.0, 10.0)}
    seeds = seeds_of(a_run(COMMITTED))
    of_recipe = results._replace(params=COMMITTED, study=study, seeds=seeds)
    others = sorted(bits for seed, bits in seeds.items() if seed != COMMITTED.seed)
    assert len(others) == 13
    for place in (0, 5, 12):
        page = part(measured(of_recipe, held_out_bits_per_character=others[place]), result.section)
        count = f"{place or 'none'} of them have a lower cost"
        assert f"The study of initial accumulators has trained 13 other seeds with these settings; {count}" in page
    assert "sum of squared gradients start at 10, not at 0." in page
    assert "<td>0.05</td>" in page  # prepare.held_out, among all params
    assert "the mean of 10 seeds is 2.876 (lowest 2.781, highest 3.013)" in page
    assert "the mean of 10 seeds is 2.627 (lowest 2.621, highest 2.635)" in page
    mended = part(changed(of_recipe, train__initial_accumulator_value=10.0), result.section)
    assert "sum of squared gradients start" not in mended
    alone = "has no other seed with these settings on this text, so the page does not know"
    assert alone in part(results, result.section)
    for other in (a_run(COMMITTED.model_copy(update={"m": 7})), a_run(text="0" * 64)):
        assert not [*trials_like(other, STUDY, START)]


def test_seeds_of_a_run_come_from_every_committed_study():
    params = COMMITTED.model_copy(update={"eta": 0.05})
    seeds = seeds_of(a_run(params))
    assert sorted(seeds) == [*range(1, 15)]  # of three studies
    assert seeds[1] == 2.642259998572783  # as README has it
    assert seeds_of(a_run(params, text="0" * 64)) == {}


@pytest.mark.slow
def test_the_page_tries_what_makes_the_jump_where_there_is_one(results):
    def said(**changes):
        own = results._replace(params=COMMITTED, curves=results.curves | {"loss": {}})
        return part(changed(own, **changes), first_updates.section)

    def made(**options):
        recipe, text = COMMITTED.recipe, results.corpus.training
        return replay(recipe, COMMITTED.seed, 50, results.text.K, text, **options)

    page, run, held = said(), made(), made(keep_w=True)
    peak = int(np.argmax(run.losses))
    for sentence in (
        "one step changes the sum by up to eta · m = 10, for every sigma",
        f"the loss jumps from {run.losses[0]:.1f} to {max(run.losses):.1f}, after {peak} updates",
        f"At this update W h is {run.sums[peak]:.3g} (root mean square; at the start {run.sums[0]:.3g})",
        f"with random signs would give {run.drawn[peak]:.3g}.",
        f"Then the loss is {max(held.losses):.1f} at most, and no hidden unit saturates.",
        f"Within 50 updates up to {100 * max(run.saturated):.0f} % of the hidden units saturate.",
        "Yes: without these steps the loss does not jump.",
    ):
        assert sentence in page
    assert max(held.saturated) == 0
    assert page.count('<th scope="col">this run, but W never moves') == 3
    calm = said(eta=0.001)
    assert "make the jump?" not in calm
    assert "W never moves" not in calm
    assert "Not alone: without these steps the loss jumps, too." in said(eta=2.0)


def unseen(results, more, *losses):
    """Return results whose held-out text costs so much more than the last training text; these are the first losses."""
    bits = results.train.smooth_loss / results.params.seq_length / math.log(2) + more
    return measured(curved(results, loss=dict(enumerate(losses))), held_out_bits_per_character=bits)


def curved(results, **curves):
    """Return results with other curves."""
    return results._replace(curves=results.curves | curves)


@pytest.mark.parametrize(("change", "said", "unsaid"), [
    (lambda x: measured(x, held_out_bits_per_character=None), "No text was held out", "counted trigrams need"),
    (lambda x: curved(x, **{PART_MEASURE: {}}), "lowest smooth loss", 'id="held-out"'),
    (lambda x: measured(x, first_update_below_target=200), "below 40, the target of this run, after 200", ""),
    (lambda x: measured(x, first_update_below_target=None), "lowest smooth loss", "never fell below"),
    (lambda x: measured(x, held_out_characters_read=60), "last 112 characters, 5 % of the text; the cost is", ""),
    (lambda x: measured(x, held_out_characters_read=60), "is that of the first 60 of them", ""),
    (lambda x: reading(x, 1), JUDGED, ""),
    (lambda x: reading(x, 2), "overfit", JUDGED),
    (lambda x: curved(x, epoch_mean={100: 30.0}), "lowest smooth loss", "Grey bars"),
    (lambda x: curved(x, epoch_mean={100: 30.0, 200: 29.0}), "Grey bars", ""),
    (lambda x: unseen(x, 0.01, 40.0, 41.0, 90.5, 40.0), "of unseen text is about the same (+0.010)", ""),
    (lambda x: unseen(x, 0.3, 40.0, 41.0, 90.5, 40.0), ROSE, "about the same"),
    (lambda x: unseen(x, 0.3, 40.0, 41.0, 39.0), "of unseen text is 0.300 higher", ROSE),
    (lambda x: unseen(x, -0.3, 40.0), "of unseen text is 0.300 lower", ROSE),
])  # fmt: skip
def test_a_sentence_stands_there_where_it_is_true(results, change, said, unsaid):
    page = part(change(results), result.section, loss.section)
    assert said in page
    assert not unsaid or unsaid not in page


def test_the_published_run_is_drawn_only_for_english_prose_of_its_seq_length(results):
    prose = results._replace(text=read_json(ROOT / "metrics/prepare.json", TextMetrics))
    assert changed(prose, seq_length=25).published_curve == results.published.smooth_loss
    assert prose.published_curve == {}  # its sequences are others
    assert changed(results, seq_length=25).published_curve == {}


@pytest.mark.slow
@pytest.mark.parametrize("year", [2021, 2025])
def test_runs_of_others_are_drawn_for_the_reports_novel_and_recipe(results, year):
    edition = results.published.editions[year]
    params = with_overrides(results.params, edition.params | {"train.updates": 200_000}, Path("-"))
    text = results.text.model_copy(update=results.published.novel)
    on_it = measured(results, updates=200_000)._replace(params=params, text=text)
    beside = loss.curves_of_others(on_it)
    assert loss.PUBLISHED not in beside  # that curve is of another novel
    assert beside.pop(loss.LECTURER) == {u: x for u, x in edition.lecturer.items() if u <= 200_000}
    assert [*beside.values()] == [{report.update: report.smooth_loss} for report in edition.reports]
    assert f"{edition.reports[0].smooth_loss:.3f}" in part(on_it, loss.section)
    for other in (on_it._replace(text=results.text), changed(on_it, batch=2), changed(on_it, eta=0.02)):
        assert not loss.curves_of_others(other)
    younger = edition.model_copy(update={"params": {k: v for k, v in edition.params.items() if k != "batch"}})
    before_batches = results.published.model_copy(update={"editions": {year: younger}})
    assert loss.curves_of_others(on_it._replace(published=before_batches))
    assert not loss.curves_of_others(changed(on_it._replace(published=before_batches), batch=2))
    course = (ROOT / "docs/course.md").read_text()
    assert all(report.repository in course for report in edition.reports)


@pytest.mark.parametrize("content", ["", "smooth_loss: 1", "a: [", json.dumps({"smooth_loss": {}})])
def test_published_figures_that_are_not_there_are_named(tmp_path, content):
    path = tmp_path / "report.yaml"
    path.write_text(content)
    with pytest.raises(Damaged, match=r"report\.yaml: .*restores it"):
        read_published(path)
