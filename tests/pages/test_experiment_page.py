"""The experiment's page: one file that asks for nothing, in which each number is that of a result file."""

import json
import math
import re
import shlex
from base64 import b64encode
from collections import Counter
from contextlib import chdir
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from runpy import run_path
from xml.etree import ElementTree

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from projects import ROOT
from runs import a_run

from charloom.base.errors import Damaged
from charloom.base.storage import read_json
from charloom.pages.experiment import first_updates, loss, verdict
from charloom.pages.experiment.experiment_files import read_published, read_results, seeds_of, study_rows
from charloom.pages.experiment.experiment_page import SECTIONS, experiment_page
from charloom.pages.experiment.loss import lowest_point
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
from charloom.settings.pipeline import files

VOID = {"meta", "link", "br", "path", "use", "line", "input"}
HOSTILE = "<script>alert('1')</script> </pre>&amp; \x1b]0;\u202e\u2066\u200f\x00 😀 {{ 7 * 7 }} $x^2$ " + "x" * 10_000


class Page(HTMLParser):
    """A page's elements with their attributes, and its text."""

    def __init__(self, page: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(page)
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag):
        return [attributes for each, attributes in self.elements if each == tag]

    def text_of(self, tag):
        return [text for each, text in self.texts if each == tag]


QUESTIONS = sorted((ROOT / "studies").glob("*/asked.json"))


@pytest.fixture(scope="module")
def results(finished):
    with chdir(finished.folder):
        return read_results(read_params(), {name: path.resolve() for name, path in files("plot").items()})


def written(results):
    return experiment_page(results)[0]


def part(results, *modules):
    """Return a page of these sections alone."""
    return rendered("", "", [module.section(results) for module in modules], results=results)


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
    assert set(pictures) == {each["id"] for each in Page(page).all("svg")}


def test_a_picture_needs_no_page(made):
    page, pictures = made
    shown = dict(
        re.findall(r'<svg role="img" id="([\w-]+)".*?</svg>\s*<figcaption>(.*?)</figcaption>', page, re.DOTALL)
    )
    for name, picture in pictures.items():
        root = ElementTree.fromstring(picture)  # noqa: S314  our own
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "var(" not in picture
        assert {each.get("{http://www.w3.org/1999/xlink}href", "#")[0] for each in root.iter()} == {"#"}
        lines = [each.text for each in root if each.tag.endswith("}text")]
        assert " ".join(lines) == unescape(shown[name])


def test_a_picture_that_the_page_has_not_is_no_result(project):
    left = project.folder / "reports/figures/left.svg"
    left.write_text("<svg/>")
    before = project.contents()
    with chdir(project.folder):
        run_path("src/plot.py")["main"]()
    assert project.contents() == {name: each for name, each in before.items() if not name.endswith("left.svg")}


def test_every_section_is_there_with_a_heading_and_a_way_to_it(page):
    read = Page(page)
    ids = [each["id"] for each in read.all("section")]
    live, *links = [each["href"] for each in read.all("a")]
    assert live == "live.html"
    assert [f"#{name}" for name in ids] == links[: len(ids)]
    assert set(links) == {f"#{name}" for name in ids}
    assert len(ids) == len(SECTIONS) == 8
    assert len(read.all("h2")) == 8
    assert len(read.all("h1")) == 1


def test_no_two_elements_have_one_id_and_every_reference_has_its_element(page):
    ids = Counter(each["id"] for _, each in Page(page).elements if each.get("id"))
    assert not [name for name, count in ids.items() if count > 1]
    for reference in re.findall(r'(?:href="#|url\(#)([^")]+)', page):
        assert reference in ids
    for names in re.findall(r'aria-labelledby="([^"]+)"', page):
        assert set(names.split()) <= set(ids)


def test_the_page_names_no_address_and_shows_nothing_of_another_file(page):
    assert not re.findall(r"\w+://", page)
    read = Page(page)
    assert not [tag for tag in ("img", "iframe", "object", "embed") if read.all(tag)]
    assert [each.get("href") for each in read.all("link")] == ["data:,"]
    ensure_only_our_script(page)


def ensure_only_our_script(page: str) -> None:
    """A browser runs the one script that the page names by its hash, and asks for nothing."""
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert page.count("<script") == 1
    assert script == (ROOT / "src/charloom/pages/templates/save.js").read_text(encoding="utf-8")
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:" in page


def test_each_picture_says_what_it_is_and_has_its_numbers_as_a_table(page):
    read = Page(page)
    pictures = [each for each in read.all("svg") if each.get("role") == "img"]
    assert len(pictures) == len(read.all("svg")) == page.count("<figure>\n<svg") >= 10
    for figure in re.findall(r"<figure>\n<svg.*?</figure>", page, re.DOTALL):
        for part in ("<title id=", "<figcaption>", "<details>", "<table>"):
            assert figure.count(part) == 1
        assert figure.count("<tr>") >= 2


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
    zero, carried = (
        [getattr(state, name) for name in "WUVbc"] for state in (results.gradcheck.zero, results.gradcheck.carried)
    )
    for matrix in (*zero, *carried):
        assert f"<td>{matrix.max_relative_error:.1e}</td>" in page
    worst = max(each.max_relative_error for each in (*zero, *carried))
    assert f"Yes: the largest relative error of all compared entries is {worst:.1e}." in page
    for update, nats in list(results.curves["smooth_loss"].items())[-2:]:
        assert f'<th scope="row">{update:,}</th><td>{nats:.3f}</td>' in page
    for update, bits in results.curves[MEASURE_OF_PART].items():
        assert f'<th scope="row">{update:,}</th><td>{bits:.4f}</td>' in page


def test_the_command_that_makes_it_again_is_the_experiments(page):
    command = next(text for text in Page(page).text_of("code") if text.startswith("dvc exp run -S prepare"))
    assert "-S prepare.text=data/fox.txt -S m=8 " in command
    assert "-S train.updates=400 " in command


@pytest.mark.parametrize("name", ["Größe.txt", "it's a book.txt", "a,b.txt", "my-text_2.txt", "ends in a space "])
def test_the_command_names_any_text_as_dvc_reads_it(results, name):
    params = overridden(results.params, {"prepare.text": f"data/{name}"}, Path("-"))
    code = Page(part(results._replace(params=params), verdict)).text_of("code")
    command = shlex.split(next(text for text in code if text.startswith("dvc exp run -S")))
    override = OverridesParser.create().parse_override(command[command.index("-S") + 1])
    assert (override.key_or_group, override.value()) == ("prepare.text", f"data/{name}")


def test_every_sample_is_there_with_its_loss_and_its_marks(finished, page):
    table = read_json(finished.folder / "reports/sample_table.json", SampleTable)
    read = "".join(text for _, text in Page(page).texts)
    for _, text, update, nats in table.data:
        assert text in read
        assert f"{nats:.2f}" in page
        assert f"{update:,} updates" in page
    assert len(Page(page).all("mark")) > len(table.data)


def hostile(results, text=HOSTILE):
    """Return results whose samples are the text, and whose name and last held-out characters are as bad."""
    quality = SampleQuality(known_words=0.5, longest_copy=3)
    marks = SampleMarks(copied=(1, 4), unknown=[(1, 7), (8, 13)])
    data = [(name, text, update, loss) for name, _, update, loss in results.samples.data]
    prepare = results.params.prepare.model_copy(update={"text": "data/<b>\u202e'; rm -rf \x07.txt"})
    return results._replace(
        params=results.params.model_copy(update={"prepare": prepare}),
        samples=results.samples.model_copy(update={"data": data}),
        marks=results.marks.model_copy(update={"data": [marks] * len(data)}),
        quality=results.quality.model_copy(update={"best": quality}),
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
    updates = 10_000_000
    epoch = results.train.updates_per_epoch
    _, _, _, best = results.samples.data
    text, quality = "a wordd of it " * 1000, results.quality.best
    checkpoints = dict.fromkeys(range(0, updates, 5000), quality)
    marks = SampleMarks(copied=(0, 9), unknown=[(start, start + 5) for start in range(2, len(text), 14)])
    page = written(
        results._replace(
            train=results.train.model_copy(update={"updates": updates, "best_update": updates - 77}),
            curves=results.curves
            | {
                "smooth_loss": {update: 30 + math.sin(update) for update in range(0, updates, 100)},
                "epoch_mean": dict.fromkeys(range(epoch, updates, epoch), 30.0),
                "saturated_fraction": dict.fromkeys(range(0, updates, 1000), 0.5),
                MEASURE_OF_PART: dict.fromkeys(checkpoints, 3.0),
            },
            samples=SampleTable(
                data=[*(("", text, update, 30.0) for update in checkpoints), (*best[:1], text, *best[2:])]
            ),
            marks=AllMarks(data=[marks] * (len(checkpoints) + 1)),
            quality=SampleMetrics(checkpoints=checkpoints, best=quality),
        )
    )
    assert len(page.encode()) < 1_000_000
    assert "Shown are 11 of 2000 samples" in " ".join(page.split())


def test_what_is_not_there_is_said(results):
    train = results.train.model_copy(update={"held_out_bits_per_character": None, "first_update_below_target": 200})
    page = part(results._replace(train=train, curves=results.curves | {MEASURE_OF_PART: {}}), verdict, loss)
    assert "No text was held out" in page
    assert "It first fell below 40 after 200 updates" in " ".join(page.split())
    assert 'id="held-out"' not in page


def test_each_start_of_adagrad_has_one_colour_in_every_picture(results, study):
    for start, colour in ((0.0, "vermilion"), (10.0, "green")):
        train = results.params.train.model_copy(update={"initial_accumulator_value": start})
        own = results._replace(params=results.params.model_copy(update={"train": train}), study=study)
        pictures = dict(
            re.findall(r'<svg role="img" id="([\w-]+)"(.*?)</svg>', part(own, verdict, first_updates), re.DOTALL)
        )
        first, *_ = re.findall(r"stroke: var\(--(blue|vermilion|green)\)", pictures["first-losses"])
        assert first == colour
        assert "var(--blue)" not in pictures["first-losses"] + pictures["saturated"]
        assert {"vermilion", "green", "blue"} <= set(re.findall(r"var\(--(\w+)\)", pictures["ladder"]))


def test_a_page_of_adam_says_nothing_of_adagrad(results):
    train = results.params.train.model_copy(update={"loss": "mean", "clip": None})
    adam = {"optimizer": "adam", "eta": 0.001, "sigma": "fan_in", "train": train}
    page = written(results._replace(params=results.params.model_copy(update=adam)))
    assert "AdaGrad" not in page
    said = " ".join(page.split())
    assert "Adam, eta 0.001, sigma fan_in, seed" in said
    assert "So the first step moves every weight whose gradient is not zero by about eta = 0.001" in said
    assert "make the jump?" not in said  # there is none
    assert "-S train.clip=null" in said


@pytest.mark.slow
def test_the_page_tries_what_makes_the_jump_where_there_is_one(results):
    def said(**changes):
        params = read_params(ROOT / "params.yaml").model_copy(update=changes)
        own = results._replace(params=params, curves=results.curves | {"loss": {}})
        return params, " ".join(part(own, first_updates).split())

    def made(params, held=False):
        return replayed(params.recipe, params.seed, 50, results.text.K, results.corpus.training, held)

    params, page = said()
    run, held = made(params), made(params, held=True)
    peak = int(np.argmax(run.losses))
    assert "one step changes the sum by up to eta · m = 10, for every sigma" in page
    assert f"the loss jumps from {run.losses[0]:.1f} to {max(run.losses):.1f}, after {peak} updates" in page
    assert f"At this update W h is {run.sums[peak]:.3g} (root mean square; at the start {run.sums[0]:.3g})" in page
    assert f"with random signs would give {run.drawn[peak]:.3g}." in page
    assert f"Then the loss is {max(held.losses):.1f} at most, and no hidden unit saturates." in page
    assert max(held.saturated) == 0
    assert f"Within 50 updates up to {100 * max(run.saturated):.0f} % of the hidden units saturate." in page
    assert "Yes: without these steps the loss does not jump." in page
    assert page.count('<th scope="col">this run, but W never moves') == 3
    params, calm = said(eta=0.001)
    assert "make the jump?" not in calm
    assert "W never moves" not in calm
    assert f"W h is {max(made(params).sums):.3g} at most" in calm
    _, wild = said(eta=2.0)
    assert "Not alone: without these steps the loss jumps, too." in wild


def test_the_line_below_the_title_says_what_the_weights_started_from(results, page):
    assert ", eta 0.1, sigma 0.01, seed 1." in page
    other = results._replace(params=results.params.model_copy(update={"sigma": 0.25}))
    assert ", eta 0.1, sigma 0.25, seed 1." in written(other)


@pytest.mark.parametrize(
    ("order", "said"), [("chunks", "in chunks of random order"), ("positions", "from random places")]
)
def test_a_page_of_another_order_says_nothing_of_places_that_were_passed_by(results, order, said):
    train = results.params.train.model_copy(update={"order": order})
    page = written(results._replace(params=results.params.model_copy(update={"train": train})))
    assert said in page
    assert "#position" not in page
    assert 'id="position"' not in page
    assert ("the loss on the last training text" in page) == (order == "chunks")


def test_a_page_of_a_batch_says_how_much_an_update_reads_and_nothing_of_places_that_were_passed_by(results):
    page = written(results._replace(params=results.params.model_copy(update={"batch": 3})))
    T = results.params.seq_length
    assert f"updates of 3 × {T} characters" in page
    assert "the beginning of the batch’s last sequence" in page
    assert "#position" not in page
    assert 'id="position"' not in page


def test_the_lowest_held_out_point_is_named_and_a_rise_after_it(results):
    lowest = {"lowest_held_out_part_bits_per_character": 2.5, "lowest_held_out_part_update": 200}
    train, curve = results.train.model_copy(update=lowest), {0: 4.0, 200: 2.5, 400: 2.625}
    assert lowest_point(train, curve) == (
        " The lowest point is 2.500, after 200 updates; then the loss rises to 2.625 after 400."
    )
    assert lowest_point(train, {0: 4.0, 200: 2.5}) == " The lowest point is 2.500, after 200 updates."
    train = results.train.model_copy(update=dict.fromkeys(lowest))
    assert not lowest_point(train, {})


def test_the_study_is_shown_where_it_is_of_this_text(results, page, study):
    assert "study-curves" not in page
    shown = part(results._replace(study=study), verdict, first_updates)
    assert "the mean of 10 seeds is 2.876 (lowest 2.781, highest 3.013)" in shown
    assert "the mean of 10 seeds is 2.627 (lowest 2.621, highest 2.635)" in shown
    assert "has trained another seed with these settings on this text, so the page does not know" in page
    assert "study-curves" not in shown  # another m and seq_length than the study's: its loss is of other sequences


def test_a_run_with_the_studys_settings_is_placed_among_its_seeds(results, study):
    params = read_params(ROOT / "params.yaml")
    of_recipe = results._replace(params=params, study=study)
    seeds = seeds_of(a_run(params), QUESTIONS)
    of_recipe = of_recipe._replace(seeds=seeds)
    others = sorted(bits for seed, bits in seeds.items() if seed != params.seed)
    assert len(others) == 13
    for place, bits in enumerate(others):
        found = concluded(of_recipe._replace(train=with_bits(results, bits)))
        assert found["cheaper"] == (place, 13)
        assert found["mended"] == 10
    assert "Studies have trained 13 other seeds with these settings" in part(of_recipe, verdict)
    cured = params.model_copy(update={"train": params.train.model_copy(update={"initial_accumulator_value": 10.0})})
    assert concluded(of_recipe._replace(params=cured))["mended"] is None
    assert concluded(results._replace(study=study))["cheaper"] is None  # another m


def test_seeds_of_a_run_come_from_every_committed_study():
    params = read_params(ROOT / "params.yaml").model_copy(update={"eta": 0.05})
    seeds = seeds_of(a_run(params), QUESTIONS)
    assert sorted(seeds) == [*range(1, 15)]  # of three studies
    assert seeds[1] == 2.642259998572783  # as README has it
    assert seeds_of(a_run(params, text="0" * 64), QUESTIONS) == {}


def with_bits(results, bits):
    return results.train.model_copy(update={"held_out_bits_per_character": bits})


def test_the_conclusion_says_what_the_first_losses_and_the_held_out_text_say(results):
    def conclusion(losses, more):
        first = results._replace(curves=results.curves | {"loss": dict(enumerate(losses))})
        bits = results.train.smooth_loss / results.params.seq_length / math.log(2) + more
        page = part(first._replace(train=with_bits(results, bits)), verdict)
        return " ".join(page.split())

    wrong = conclusion([40.0, 41.0, 90.5, 40.0], 0.01)
    assert "the loss rose from 40.0 to 90.5 (update 2)" in wrong
    assert "The loss on unseen text is about the same (+0.010)" in wrong
    well = conclusion([40.0, 41.0, 39.0], 0.3)
    assert "went wrong" not in well
    assert "The loss on unseen text is 0.300 higher" in well
    assert "The loss on unseen text is 0.300 lower" in conclusion([40.0], -0.3)


def test_the_published_run_is_drawn_beside_english_prose_of_its_seq_length_alone(results):
    prose = results._replace(text=read_json(ROOT / "metrics/prepare.json", TextMetrics))
    beside = prose._replace(params=results.params.model_copy(update={"seq_length": 25}))
    assert beside.published_curve == results.published.smooth_loss
    assert prose.published_curve == {}  # its sequences are others
    assert beside._replace(text=results.text).published_curve == {}


@pytest.mark.slow
@pytest.mark.parametrize("year", [2021, 2025])
def test_on_the_reports_own_novel_others_with_that_recipe_stand_beside(results, year):
    edition = results.published.editions[year]
    params = overridden(results.params, edition.params | {"train.updates": 200_000}, ROOT / "params.yaml")
    text = results.text.model_copy(update=results.published.novel)
    train = results.train.model_copy(update={"updates": 200_000})
    on_it = results._replace(params=params, text=text, train=train)
    beside = loss.elsewhere(on_it)
    assert beside[loss.PUBLISHED] == []  # that curve is of another novel
    assert dict(beside[loss.LECTURER]) == {u: x for u, x in edition.lecturer.items() if u <= 200_000}
    assert [x for _, x in beside[loss.REPORTS]] == [each.smooth_loss for each in edition.reports]
    assert f"{edition.reports[0].smooth_loss:.3f}" in written(on_it)
    for other in (
        on_it._replace(text=results.text),
        on_it._replace(params=params.model_copy(update={"batch": 2})),
        on_it._replace(params=params.model_copy(update={"eta": 0.02})),
    ):
        assert not any(loss.elsewhere(other).values())
    said = (ROOT / "docs/course.md").read_text()
    assert all(each.repository in said for each in edition.reports)


@pytest.mark.parametrize("content", ["", "smooth_loss: 1", "a: [", json.dumps({"smooth_loss": {}})])
def test_published_figures_that_are_not_there_are_named(tmp_path, content):
    path = tmp_path / "report.yaml"
    path.write_text(content)
    with pytest.raises(Damaged, match=r"report\.yaml: .*restores it"):
        read_published(path)
