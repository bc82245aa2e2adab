"""The experiment's page: one file that asks for nothing, in which each number is that of a result file."""

import json
import math
import re
import shlex
from contextlib import chdir
from html import unescape
from pathlib import Path
from runpy import run_path
from xml.etree import ElementTree

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from projects import ROOT
from rendered import Page, ensure_whole
from runs import a_run

from charloom.base.errors import Damaged
from charloom.base.storage import read_json
from charloom.pages.experiment import first_updates, loss, verdict
from charloom.pages.experiment.experiment_files import seeds_of, study_rows
from charloom.pages.experiment.experiment_page import SECTIONS, experiment_page
from charloom.pages.experiment.loss import lowest_point
from charloom.pages.experiment.published import read_published
from charloom.pages.experiment.replay import replayed
from charloom.pages.experiment.verdict import concluded
from charloom.pages.sections import rendered
from charloom.results.records import (
    MEASURE_OF_PART,
    AllMarks,
    SampleMarks,
    SampleMetrics,
    SampleQuality,
    SampleTable,
    TextMetrics,
    TrainMetrics,
)
from charloom.settings.params import overridden, read_params

HOSTILE = "<script>alert('1')</script> </pre>&amp; \x1b]0;\u202e\u2066\u200f\x00 😀 {{ 7 * 7 }} $x^2$ " + "x" * 10_000
QUESTIONS = sorted((ROOT / "studies").glob("*/asked.json"))
COMMITTED = read_params(ROOT / "params.yaml")


def changed(results, **changes):
    """Return results of other params; `__` in a name stands for a dot."""
    values = {name.replace("__", "."): value for name, value in changes.items()}
    return results._replace(params=overridden(results.params, values, Path("-")))


def measured(results, **changes):
    """Return results with other metrics of the training."""
    return results._replace(train=results.train.model_copy(update=changes))


def swinging(results):
    """Return results whose smooth loss swings by 2, over several epochs."""
    updates = 10 * results.train.updates_per_epoch
    curve = {update: 30 + math.sin(update / 50) for update in range(0, updates + 1, 100)}
    return measured(results, updates=updates)._replace(curves=results.curves | {"smooth_loss": curve})


def written(results):
    return experiment_page(results)[0]


def part(results, *modules):
    """Return a page of these sections alone, with single spaces."""
    return " ".join(rendered("", "", [module.section(results) for module in modules], results=results).split())


@pytest.fixture(scope="module")
def made(results):
    return experiment_page(results)


@pytest.fixture(scope="module")
def page(made):
    return made[0]


@pytest.fixture(scope="module")
def study(results):
    """Return the trials of the committed study, of the committed text."""
    return study_rows(a_run(), results.published.settings, ROOT / "studies/initial_accumulator/asked.json")


def test_the_stage_writes_the_page_and_its_pictures_and_a_second_time_the_same_bytes(finished, made):
    page, pictures = made
    assert (finished.folder / "reports/report.html").read_text(encoding="utf-8") == page
    folder = finished.folder / "reports/figures"
    assert {file.stem: file.read_text(encoding="utf-8") for file in folder.iterdir()} == pictures
    assert set(pictures) == set(Page(page).pictures)


def test_a_picture_needs_no_page(made):
    page, pictures = made
    captions = dict(
        re.findall(r'<svg role="img" id="([\w-]+)".*?</svg>\s*<figcaption>(.*?)</figcaption>', page, re.DOTALL)
    )
    for name, picture in pictures.items():
        root = ElementTree.fromstring(picture)  # noqa: S314  our own
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "var(" not in picture
        assert {element.get("{http://www.w3.org/1999/xlink}href", "#")[0] for element in root.iter()} == {"#"}
        lines = [element.text for element in root if element.tag.endswith("}text")]
        assert " ".join(lines) == unescape(captions[name])


def test_a_picture_that_the_page_has_not_is_no_result(project):
    left = project.folder / "reports/figures/left.svg"
    left.write_text("<svg/>")
    before = project.contents()
    with chdir(project.folder):
        run_path("src/plot.py")["main"]()
    assert project.contents() == {name: content for name, content in before.items() if not name.endswith("left.svg")}


def test_the_page_is_whole_and_has_a_way_to_every_section(page):
    read = ensure_whole(page)
    names = [section["id"] for section in read.all("section")]
    live, *links = [link["href"] for link in read.all("a")]
    assert live == "live.html"
    assert [f"#{name}" for name in names] == links[: len(names)]
    assert set(links) == {f"#{name}" for name in names}
    assert len(names) == len(SECTIONS) - 1 == len(read.all("h2")) == 7  # the loss of this run hardly swings
    assert len(read.pictures) >= 10


def test_figures_are_those_of_the_files(finished, page, results):
    train = read_json(finished.folder / "metrics/train.json", TrainMetrics)
    text = read_json(finished.folder / "metrics/prepare.json", TextMetrics)
    front, *_ = re.findall(r'<section id="verdict".*?</section>', page, re.DOTALL)
    for number in (train.held_out_bits_per_character, train.smooth_loss, train.best_smooth_loss):
        assert f"{number:.3f}" in front
    for level in text.bits_per_character.model_dump().values():
        assert f"<td>{level:.6f}</td>" in front
    assert text.sha256 in front
    assert results.results in front
    check = results.gradcheck
    errors = [getattr(state, name).max_relative_error for state in (check.zero, check.carried) for name in "WUVbc"]
    assert all(f"<td>{error:.1e}</td>" in page for error in errors)
    assert f"Yes: the largest relative error of all compared entries is {max(errors):.1e}." in page
    for update, nats in list(results.curves["smooth_loss"].items())[-2:]:
        assert f'<th scope="row">{update:,}</th><td>{nats:.3f}</td>' in page
    for update, bits in results.curves[MEASURE_OF_PART].items():
        assert f'<th scope="row">{update:,}</th><td>{bits:.4f}</td>' in page
    assert ", eta 0.1, sigma 0.01, seed 1." in page


@pytest.mark.parametrize("name", ["fox.txt", "Größe.txt", "it's a book.txt", "a,b.txt", "ends in a space "])
def test_the_command_repeats_the_experiment_on_any_text_as_dvc_reads_it(results, name):
    code = part(changed(results, prepare__text=f"data/{name}"), verdict)
    command = shlex.split(unescape(re.search("<code>(dvc exp run.*?)</code>", code)[1]))
    values = [OverridesParser.create().parse_override(word) for word in command[4::2]]
    said = {value.key_or_group: value.value() for value in values}
    assert (said["prepare.text"], said["m"], said["train.updates"]) == (f"data/{name}", 8, 400)


def test_every_sample_is_there_with_its_loss_and_its_marks(finished, page):
    table = read_json(finished.folder / "reports/sample_table.json", SampleTable)
    text = "".join(text for _, text in Page(page).texts)
    for _, sample, update, nats in table.data:
        assert sample in text
        assert f"{nats:.2f}" in page
        assert f"{update:,} updates" in page
    assert len(Page(page).all("mark")) > len(table.data)


def hostile(results, text=HOSTILE):
    """Return results whose samples are the text, and whose name and last held-out characters are as bad."""
    marks = SampleMarks(copied=(1, 4), unknown=[(1, 7), (8, 13)])
    data = [(name, text, update, loss) for name, _, update, loss in results.samples.data]
    return changed(results, prepare__text="data/<b>\u202e'; rm -rf \x07.txt")._replace(
        samples=results.samples.model_copy(update={"data": data}),
        marks=results.marks.model_copy(update={"data": [marks] * len(data)}),
        quality=results.quality.model_copy(update={"best": SampleQuality(known_words=0.5, longest_copy=3)}),
    )


@pytest.mark.slow
def test_nothing_in_a_text_can_act(results, page):
    attacked = written(hostile(results))
    before, after = Page(page), Page(attacked)
    for tag in ("script", "b", "style", "meta"):
        assert len(after.all(tag)) == len(before.all(tag))
    assert not {"\x1b", "\u202e", "\u2066", "\x00", "\x07"} & set(attacked)
    read = "".join(text for _, text in after.texts)
    assert "<script>alert('1')</script> </pre>&amp; " in read
    assert "{{ 7 * 7 }} $x^2$" in read
    assert "\\x1b]0;\\u202e\\u2066\u200f\\x00 😀" in read
    assert "x" * 5001 not in attacked  # the rest of a long line stays in its file
    assert f"of {len(HOSTILE):,} characters" in attacked


@pytest.mark.slow
def test_a_page_stays_small_however_long_the_training_and_the_samples(results):
    updates, epoch = 10_000_000, results.train.updates_per_epoch
    *_, best = results.samples.data
    text, quality = "a wordd of it " * 1000, results.quality.best
    checkpoints = dict.fromkeys(range(0, updates, 5000), quality)
    marks = SampleMarks(copied=(0, 9), unknown=[(start, start + 5) for start in range(2, len(text), 14)])
    curves = {
        "smooth_loss": {update: 30 + math.sin(update) for update in range(0, updates, 100)},
        "epoch_mean": dict.fromkeys(range(epoch, updates, epoch), 30.0),
        "saturated_fraction": dict.fromkeys(range(0, updates, 1000), 0.5),
        MEASURE_OF_PART: dict.fromkeys(checkpoints, 3.0),
    }
    samples = [*(("", text, update, 30.0) for update in checkpoints), (best[0], text, *best[2:])]
    page = written(
        measured(results, updates=updates, best_update=updates - 77)._replace(
            curves=results.curves | curves,
            samples=SampleTable(data=samples),
            marks=AllMarks(data=[marks] * len(samples)),
            quality=SampleMetrics(checkpoints=checkpoints, best=quality),
        )
    )
    assert len(page.encode()) < 1_000_000
    assert "Shown are 11 of 2000 samples" in " ".join(page.split())


def test_what_is_not_there_is_said(results):
    without = measured(results, held_out_bits_per_character=None, first_update_below_target=200)
    page = part(without._replace(curves=results.curves | {MEASURE_OF_PART: {}}), verdict, loss)
    assert "No text was held out" in page
    assert "It first fell below 40, the target of this run, after 200 updates" in page
    assert "never fell below" not in part(measured(results, first_update_below_target=None), loss)
    assert 'id="held-out"' not in page


@pytest.mark.parametrize(("start", "colour"), [(0.0, "vermilion"), (10.0, "green")])
def test_each_start_of_adagrad_has_one_colour_in_every_picture(results, study, start, colour):
    own = changed(results, train__initial_accumulator_value=start)._replace(study=study)
    pictures = dict(re.findall(r'<svg role="img" id="([\w-]+)"(.*?)</svg>', part(own, verdict, first_updates)))
    first, *_ = re.findall(r"stroke: var\(--(blue|vermilion|green)\)", pictures["first-losses"])
    assert first == colour
    assert "var(--blue)" not in pictures["first-losses"] + pictures["saturated"]
    assert {"vermilion", "green", "blue"} <= set(re.findall(r"var\(--(\w+)\)", pictures["ladder"]))


def test_a_page_of_adam_says_nothing_of_adagrad(results):
    page = written(changed(results, optimizer="adam", eta=0.001, sigma="fan_in", train__loss="mean", train__clip=None))
    assert "AdaGrad" not in page
    said = " ".join(page.split())
    assert "Adam, eta 0.001, sigma fan_in, seed" in said
    assert "So the first step moves every weight whose gradient is not zero by about eta = 0.001" in said
    assert "make the jump?" not in said  # there is none
    assert "-S train.clip=null" in said


@pytest.mark.slow
def test_the_page_tries_what_makes_the_jump_where_there_is_one(results):
    def said(**changes):
        own = results._replace(params=COMMITTED, curves=results.curves | {"loss": {}})
        return part(changed(own, **changes), first_updates)

    def made(**options):
        recipe, text = COMMITTED.recipe, results.corpus.training
        return replayed(recipe, COMMITTED.seed, 50, results.text.K, text, **options)

    page, run, held = said(), made(), made(held=True)
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


@pytest.mark.parametrize(
    ("changes", "said", "starts"),
    [
        ({"train__order": "chunks"}, "in chunks of random order", "the loss on the last training text"),
        ({"train__order": "positions"}, "from random places", ""),
        ({"batch": 3}, "updates of 3 × 10 characters", "the beginning of the batch’s last sequence"),
    ],
    ids=["chunks", "positions", "batch"],
)
def test_a_page_of_another_order_or_of_a_batch_says_nothing_of_places_that_were_passed_by(
    results, changes, said, starts
):
    page = written(changed(swinging(results), **changes))
    assert said in page
    assert starts in page
    assert "#position" not in page
    assert 'id="position"' not in page


def test_positions_in_the_text_are_shown_if_the_loss_swings_over_an_epoch_or_more(results):
    whole, epoch = swinging(results), results.train.updates_per_epoch
    assert {'id="position"', '<a href="#position">section below'} <= {
        *re.findall('id="position"|<a.*?below', written(whole))
    }
    falling = whole.curves | {"smooth_loss": {update: 30 - update / 1e6 for update in whole.curves["smooth_loss"]}}
    for own in (measured(whole, updates=epoch - 1), whole._replace(curves=falling)):
        assert "#position" not in written(own)


def test_overfitting_is_judged_only_if_training_read_a_text_twice(results):
    epoch = results.train.updates_per_epoch
    assert "overfit" in part(measured(results, updates=2 * epoch), verdict).replace("does not show whether", "")
    assert "does not show whether the model overfits" in part(measured(results, updates=epoch), verdict)
    assert "does not show whether" not in part(measured(results, updates=2 * epoch), verdict)


def test_the_means_of_epochs_are_drawn_if_there_are_two_or_more(results):
    for means, is_drawn in (({}, False), ({100: 30.0}, False), ({100: 30.0, 200: 29.0}, True)):
        page = part(results._replace(curves=results.curves | {"epoch_mean": means}), loss)
        assert ("Grey bars" in page) == ("mean loss of the epoch" in page) == is_drawn


def test_the_size_of_the_held_out_text_stands_where_its_loss_does(results):
    text = results.text.model_copy(update={"characters": 2000, "held_out_characters": 100})
    page = part(measured(results._replace(text=text), held_out_characters_read=60), verdict)
    assert "Held out are the last 100 characters, 5 % of the text; the loss is that of the first 60 of them." in page


def test_the_lowest_held_out_point_is_named_and_a_rise_after_it(results):
    lowest = {"lowest_held_out_part_bits_per_character": 2.5, "lowest_held_out_part_update": 200}
    train, end = measured(results, **lowest).train, " The lowest point is 2.500, after 200 updates"
    assert lowest_point(train, {0: 4.0, 200: 2.5}) == f"{end}."
    assert lowest_point(train, {0: 4.0, 200: 2.5, 400: 2.625}) == f"{end}; then the loss rises to 2.625 after 400."
    assert not lowest_point(measured(results, **dict.fromkeys(lowest)).train, {})


def test_the_study_is_shown_where_it_is_of_this_text(results, page, study):
    assert "study-curves" not in page
    shown = part(results._replace(study=study), verdict, first_updates)
    assert "the mean of 10 seeds is 2.876 (lowest 2.781, highest 3.013)" in shown
    assert "the mean of 10 seeds is 2.627 (lowest 2.621, highest 2.635)" in shown
    assert "has trained another seed with these settings on this text, so the page does not know" in page
    assert "study-curves" not in shown  # another m and seq_length than the study's: its loss is of other sequences


def test_a_run_with_the_studys_settings_is_placed_among_its_seeds(results, study):
    seeds = seeds_of(a_run(COMMITTED), QUESTIONS)
    of_recipe = results._replace(params=COMMITTED, study=study, seeds=seeds)
    others = sorted(bits for seed, bits in seeds.items() if seed != COMMITTED.seed)
    assert len(others) == 13
    for place, bits in enumerate(others):
        conclusion = concluded(measured(of_recipe, held_out_bits_per_character=bits))
        assert (conclusion["cheaper"], conclusion["mended"]) == ((place, 13), 10)
    assert "Studies have trained 13 other seeds with these settings" in part(of_recipe, verdict)
    assert concluded(changed(of_recipe, train__initial_accumulator_value=10.0))["mended"] is None
    assert concluded(results._replace(study=study))["cheaper"] is None  # another m


def test_seeds_of_a_run_come_from_every_committed_study():
    params = COMMITTED.model_copy(update={"eta": 0.05})
    seeds = seeds_of(a_run(params), QUESTIONS)
    assert sorted(seeds) == [*range(1, 15)]  # of three studies
    assert seeds[1] == 2.642259998572783  # as README has it
    assert seeds_of(a_run(params, text="0" * 64), QUESTIONS) == {}


@pytest.mark.parametrize(
    ("losses", "more", "said"),
    [
        ([40.0, 41.0, 90.5, 40.0], 0.01, "The loss on unseen text is about the same (+0.010)"),
        ([40.0, 41.0, 39.0], 0.3, "The loss on unseen text is 0.300 higher"),
        ([40.0], -0.3, "The loss on unseen text is 0.300 lower"),
    ],
    ids=["same", "higher", "lower"],
)
def test_the_conclusion_says_what_the_first_losses_and_the_held_out_text_say(results, losses, more, said):
    bits = results.train.smooth_loss / results.params.seq_length / math.log(2) + more
    first = results._replace(curves=results.curves | {"loss": dict(enumerate(losses))})
    page = part(measured(first, held_out_bits_per_character=bits), verdict)
    assert said in page
    assert ("the loss rose from 40.0 to 90.5 (update 2)" in page) == (max(losses) > 90)


def test_the_published_run_is_drawn_beside_english_prose_of_its_seq_length_alone(results):
    prose = results._replace(text=read_json(ROOT / "metrics/prepare.json", TextMetrics))
    assert changed(prose, seq_length=25).published_curve == results.published.smooth_loss
    assert prose.published_curve == {}  # its sequences are others
    assert changed(results, seq_length=25).published_curve == {}


@pytest.mark.slow
@pytest.mark.parametrize("year", [2021, 2025])
def test_on_the_reports_own_novel_others_with_that_recipe_stand_beside(results, year):
    edition = results.published.editions[year]
    params = overridden(results.params, edition.params | {"train.updates": 200_000}, Path("-"))
    text = results.text.model_copy(update=results.published.novel)
    on_it = measured(results, updates=200_000)._replace(params=params, text=text)
    beside = loss.elsewhere(on_it)
    assert beside[loss.PUBLISHED] == []  # that curve is of another novel
    assert dict(beside[loss.LECTURER]) == {u: x for u, x in edition.lecturer.items() if u <= 200_000}
    assert [x for _, x in beside[loss.REPORTS]] == [report.smooth_loss for report in edition.reports]
    assert f"{edition.reports[0].smooth_loss:.3f}" in written(on_it)
    for other in (on_it._replace(text=results.text), changed(on_it, batch=2), changed(on_it, eta=0.02)):
        assert not any(loss.elsewhere(other).values())
    course = (ROOT / "docs/course.md").read_text()
    assert all(report.repository in course for report in edition.reports)


@pytest.mark.parametrize("content", ["", "smooth_loss: 1", "a: [", json.dumps({"smooth_loss": {}})])
def test_published_figures_that_are_not_there_are_named(tmp_path, content):
    path = tmp_path / "report.yaml"
    path.write_text(content)
    with pytest.raises(Damaged, match=r"report\.yaml: .*restores it"):
        read_published(path)
